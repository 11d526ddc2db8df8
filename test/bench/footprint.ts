/** What a process needs to be there: the time until it is ready, its memory at rest and after many notifications. */
import { readFileSync } from "node:fs";
import { startWorld } from "../world/world.ts";
import { run } from "./load.ts";
import { batchOf, portOf, quiet, tracked } from "./rates.ts";

const STARTS = 5;

/** Seconds from the start of the process to its ready line, the median of some. */
export async function startUp(): Promise<number> {
  const seconds: number[] = [];
  for (let start = 0; start < STARTS; start++) {
    const startedMs = performance.now();
    const world = await startWorld();
    seconds.push((performance.now() - startedMs) / 1_000);
    await world.stop();
  }
  return seconds.sort((a, b) => a - b)[STARTS >> 1] as number;
}

/** MiB resident, at rest and after so many notifications have gone all the way. */
export async function memory(notifications: number): Promise<{ atRest: number; after: number }> {
  const world = await startWorld({ env: quiet });
  try {
    const atRest = resident(world.pid);
    const body = batchOf(500);
    const path = "/carillon.ingest.v1.IngestService/SendBatch";
    for (let sent = 0; sent < notifications; sent += 20_000) {
      await run({ port: portOf(world), path, contentType: "application/proto", body, connections: 4, requests: 40 });
      await tracked(world.url, sent + 20_000);
    }
    return { atRest, after: resident(world.pid) };
  } finally {
    await world.stop();
  }
}

const resident = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
