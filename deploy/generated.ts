/** Generated code: buf with protoc-gen-es, offline, as buf.gen.yaml says. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Writes gen/ anew under the folder. Throws with what buf printed. */
export function generateCode(folder: string): void {
  const { status, stdout, stderr } = spawnSync(join(root, "node_modules/.bin/buf"), ["generate", "-o", folder], {
    cwd: root,
    encoding: "utf8",
    // buf.gen.yaml starts the plugin with `node`, which should be this one.
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ""}` },
  });
  if (status !== 0) throw new Error(`buf generate failed\n${stdout}${stderr}`);
}
