/** `npm start`, as the README has it: everything in one process, straight after a clone. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = new URL("../..", import.meta.url).pathname;

it("npm start is ready with a URL and ends on SIGTERM", { timeout: 120_000 }, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-start-"));
  const ports = {
    CARILLON_HTTP_PORT: "0",
    CARILLON_LEGACY_HTTP_PORT: "0",
    CARILLON_GRPC_PORT: "0",
    CARILLON_SMTP_SINK_PORT: "0",
    CARILLON_DATA_DIR: dataDir,
  };
  const child = spawn("npm", ["start"], { cwd: root, env: { ...process.env, ...ports } });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const exit = new Promise((resolve) => child.once("exit", resolve));
  await expect.poll(() => printed, { timeout: 90_000 }).toMatch(/^Carillon ready http:\/\/localhost:\d+/m);
  child.kill("SIGTERM");
  await exit;
  await expect
    .poll(
      () =>
        fetch(/http:\/\/\S+/.exec(printed)?.[0] as string)
          .then(() => "up")
          .catch(() => "down"),
      { timeout: 25_000 },
    )
    .toBe("down");
  rmSync(dataDir, { recursive: true, force: true });
});
