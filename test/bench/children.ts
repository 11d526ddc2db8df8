/** Servers of the bench, each in a process of its own, by the ports that they print. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export async function withServer<T>(script: URL, use: (port: number, grpcPort: number) => Promise<T>): Promise<T> {
  const path = fileURLToPath(script);
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", path], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [, port, grpcPort] = await new Promise<readonly string[]>((resolve, reject) => {
      child.stdout.on("data", (chunk: Buffer) => resolve(/port (\d+)(?: grpc (\d+))?/.exec(chunk.toString()) ?? []));
      child.once("exit", (code) => reject(new Error(`${path} ended with ${code}`)));
    });
    return await use(Number(port), Number(grpcPort));
  } finally {
    child.kill("SIGTERM");
  }
}
