/**
 * `npm run mesh -- --engines-only [--brokers 3] [--data-dir DIR]`: starts the engines and prints where they are. Ctrl-C ends them all.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startEngines } from "./engines.ts";
import { EngineProblem } from "./problem.ts";
import { table } from "./table.ts";

const say = (sentence: string) => void process.stderr.write(`${sentence}\n`);

function fail(sentence: string): never {
  say(sentence);
  process.exit(1);
}

function readArguments() {
  const options = { "engines-only": { type: "boolean" }, brokers: { type: "string" }, "data-dir": { type: "string" } } as const;
  try {
    return parseArgs({ options, strict: true }).values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

const { "engines-only": enginesOnly, brokers = "1", "data-dir": dataDir = ".carillon" } = readArguments();
if (!enginesOnly) fail("So far the mesh is its engines: npm run mesh -- --engines-only");
if (brokers !== "1" && brokers !== "3") fail(`--brokers is 1 or 3, not ${brokers}.`);

const ending = new AbortController();
const ended = new Promise<void>((resolve) => ending.signal.addEventListener("abort", () => resolve()));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // Asked twice: engines end with this process anyway.
    if (ending.signal.aborted) process.exit(1);
    say("Stopping the engines …");
    ending.abort(new EngineProblem("Stopped before the engines were ready."));
  });
}

try {
  const engines = await startEngines({
    ...{ dataDir: join(dataDir, "engines"), brokers: brokers === "3" ? 3 : 1, signal: ending.signal },
    logger: { info: say, warn: say },
  });
  const { addresses, processes } = engines;
  const lines = [
    table([["engine", "address"], ...Object.entries(addresses).map(([name, address]) => [name, [address].flat().join(" ")])]),
    table([["process", "port", "pid"], ...processes.map(({ name, port, pid }) => [name, String(port), String(pid)])]),
    "Engines ready",
  ];
  process.stdout.write(`${lines.join("\n\n")}\n`);
  await ended;
  await engines.stop();
  process.exit(0);
} catch (error) {
  fail(error instanceof EngineProblem ? error.message : `The engines could not be started: ${(error as Error).stack}`);
}
