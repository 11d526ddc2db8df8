/** Servers of the bench, each in a process of its own, by the port that they print. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export async function withServer<T>(script: URL, use: (port: number) => Promise<T>): Promise<T> {
  const path = fileURLToPath(script);
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", path], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    return await use(
      await new Promise<number>((resolve, reject) => {
        child.stdout.on("data", (chunk: Buffer) => resolve(Number(/port (\d+)/.exec(chunk.toString())?.[1])));
        child.once("exit", (code) => reject(new Error(`${path} ended with ${code}`)));
      }),
    );
  } finally {
    child.kill("SIGTERM");
  }
}
