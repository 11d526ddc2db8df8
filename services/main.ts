/**
 * The process: reads its settings, opens the engines, builds the modules, serves, and drains when told to.
 *
 * Draining: the door closes first (503), then the stages finish what they hold, then the engines close; at most 20 s. What is cut off
 * then comes again at the next start.
 */
import { setFlagsFromString } from "node:v8";
import { ConfigProblem } from "#platform/config/config.ts";
import { EngineRefusal } from "#platform/engines/refusal.ts";
import { DatabaseError } from "#platform/sql/errors.ts";
import { type Running, start } from "./start.ts";

const DRAIN_MS = 18_000;

// How far the heap may grow before it is collected. Left to itself V8 takes up to four times what lives in it where the machine has much
// memory: a hundred MiB more, for a collector that works a twentieth less. How much is for what lives shortly cannot be set from here:
// --max-semi-space-size=64, with which whoever starts this starts Node, halves the collector's work under load.
setFlagsFromString("--heap-growing-percent=150");

let running: Running | undefined;
let ending = false;

async function end(signal: string): Promise<void> {
  if (ending) return;
  ending = true;
  const patience = setTimeout(() => process.exit(1), DRAIN_MS + 1_500);
  patience.unref();
  await running?.drain(signal, DRAIN_MS);
  process.exit(0);
}

for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void end(signal));

try {
  running = await start(process.argv.slice(2), process.env);
  const { firstCredential, readyLine } = running;
  if (firstCredential !== undefined) process.stdout.write(`The first API key, an admin's, shown only this once: ${firstCredential}\n`);
  process.stdout.write(`${readyLine}\n`);
} catch (error) {
  // What whoever starts it can mend is a sentence; a stack would only hide it.
  const isTold = [ConfigProblem, DatabaseError, EngineRefusal].some((told) => error instanceof told);
  process.stderr.write(`${isTold ? (error as Error).message : `Carillon could not start: ${(error as Error).stack}`}\n`);
  process.exit(1);
}
