/**
 * Points of a process under test at which it may die or stand still. Which one, and in which process, a file says: it is looked for each time
 * that a point is passed, and whoever finds its own name there removes it, so that it happens once.
 */
import { readFileSync, rmSync } from "node:fs";

/** What a process does whose end in the middle has to be survived. */
export type Act = "append" | "decision" | "intent" | "provider call" | "outcome" | "commit";
export type Point = `${"before" | "after"} ${Act}`;

export interface Failpoint {
  /** In the process that runs it, where modules run alone. */
  readonly module: string;
  readonly point: Point;
  /** Stands still for so long and goes on; undefined: it dies as by kill -9. */
  readonly stallMs?: number;
}

const file = process.env.TEST_FAILPOINT_FILE as string;
const modules = process.argv.slice(2);

/** Sends whose end nobody knows but this process, and since when. One that never got an outcome is some lease's affair. */
const unresolved = new Map<string, number>();
const FORGOTTEN_MS = 20_000;

/** `deliveries`: whose send it is. */
export async function passing<T>(act: Act, work: () => Promise<T>, deliveries: readonly string[] = []): Promise<T> {
  reach(`before ${act}`, deliveries);
  if (act === "provider call") for (const id of deliveries) unresolved.set(id, performance.now());
  const result = await work();
  if (act === "outcome") for (const id of deliveries) unresolved.delete(id);
  reach(`after ${act}`, deliveries);
  return result;
}

function reach(here: Point, deliveries: readonly string[]): void {
  const set = failpoint();
  if (set?.point !== here || (modules.length > 0 && !modules.includes(set.module)) || !isAlone(deliveries)) return;
  rmSync(file);
  if (set.stallMs === undefined) process.kill(process.pid, "SIGKILL");
  // The whole process: no timer fires and nothing is read.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, set.stallMs);
}

/** Whether no other send is unresolved, whose repeat could be taken for that of this one. */
function isAlone(deliveries: readonly string[]): boolean {
  if (deliveries.length > 1) return false;
  const sinceMs = performance.now() - FORGOTTEN_MS;
  return [...unresolved].every(([id, atMs]) => deliveries.includes(id) || atMs < sinceMs);
}

function failpoint(): Failpoint | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
