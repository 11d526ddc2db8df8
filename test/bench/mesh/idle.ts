/** What each process uses of a core while nothing is to be done. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Processes } from "./processes.ts";

const SETTLING_MS = 15_000;
const MEASURED_MS = 60_000;

/** Shares of a core by process, the busiest first. */
export async function idleShares(processes: Processes): Promise<readonly (readonly [name: string, share: number])[]> {
  await sleep(SETTLING_MS);
  const before = processes.cpuUs();
  const beganMs = performance.now();
  await sleep(MEASURED_MS);
  const us = (performance.now() - beganMs) * 1_000;
  const shares = [...processes.cpuUs()].map(([name, usedUs]) => [name, (usedUs - (before.get(name) ?? 0)) / us] as const);
  return shares.toSorted(([, one], [, two]) => two - one);
}
