/**
 * `remover.ts FOLDER RUN [ENGINES]`: waits for its standard input to end, which it does when the tests have ended, in whatever way. Then it
 * waits for the processes of their worlds, and removes the folder with the worlds' data and, on engines that go on running, what is named
 * after the run. ENGINES is the file of CARILLON_TEST_ENGINES.
 */
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { EngineAddresses } from "../../deploy/local/addresses.ts";

const PATIENCE_MS = 30_000;

const [folder = "", run = "", file] = process.argv.slice(2);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
process.stdin.resume();
await once(process.stdin, "end");

/** A process has its pid file as long as it runs. */
const isAnyRunning = () => readdirSync(folder, { recursive: true, encoding: "utf8" }).some((name) => name.endsWith(".pid"));
for (const since = performance.now(); isAnyRunning() && performance.now() - since < PATIENCE_MS; ) await pause(100);
if (file !== undefined) {
  const { forget } = await import("./names.ts");
  await forget(JSON.parse(readFileSync(file, "utf8")) as EngineAddresses, run);
}
rmSync(folder, { recursive: true, force: true });
