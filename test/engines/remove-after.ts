/** Removes a directory of engines when this process is gone: for a run that is killed, which cannot do it itself. */
import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./remove-after.sh", import.meta.url));

export function removeAfterwards(directory: string): void {
  const remover = spawn("/bin/sh", [script, directory], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  remover.unref();
  (remover.stdin as Socket).unref();
}
