/** Runs a fault: a steady load, its steps, quiet, then what holds; publishes what was counted, and answers what was sent. */
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { clientsOf } from "../world/clients.ts";
import type { Fault, Step } from "./fault.ts";
import { observe } from "./invariants.ts";
import type { FaultMesh } from "./mesh.ts";
import { startLoad } from "./mesh-load.ts";
import type { Sent } from "./recount.ts";
import { publish } from "./reliability.ts";
import { ONCE } from "./sends.ts";

const FLOWS_WITHIN = { timeout: 120_000, interval: 50 };
const AFTERWARDS_S = 5;
/** A point may be passed before the process has answered: such a death is told with the log's last lines, and counts as any other. */
const DIED_STARTING = /(?<=was ended by signal 9) before it answered[\s\S]*/;
let loads = 0;

export async function runFault(mesh: FaultMesh, fault: Fault): Promise<Sent> {
  const { name, perSecond, mixed = false, allowed = { repeats: 0, why: "" }, steps, ends = [], onTheWayMs = 0, proves } = fault;
  const number = loads++;
  mesh.ended.length = 0;
  const observed = await observe(mesh, number, onTheWayMs);
  if (mixed) await clientsOf(mesh.url).preferences.setCategory({ category: { name: ONCE, atMostOnce: true } });
  const load = startLoad(mesh.url, perSecond, number, mixed);
  const { acknowledged } = load;
  let survived = 0;
  /** So many more are acknowledged, and mails arrive. */
  const flows = async (more: number) => {
    const [already, arrived] = [acknowledged.size, mesh.sink.byDelivery.size];
    await expect.poll(() => acknowledged.size, FLOWS_WITHIN).toBeGreaterThanOrEqual(already + more);
    await expect.poll(() => mesh.sink.byDelivery.size, FLOWS_WITHIN).toBeGreaterThan(arrived);
  };
  const take = async ({ break: breakIt, lasts = { ms: 0 }, heal, afterwards = perSecond * AFTERWARDS_S }: Step) => {
    survived = acknowledged.size;
    try {
      const broken = breakIt(mesh);
      observed.leave();
      await broken;
      await ("ms" in lasts ? pause(lasts.ms) : flows(lasts.acknowledged));
    } finally {
      await heal?.(mesh);
    }
    await flows(afterwards);
  };
  try {
    await flows(perSecond);
    for (const step of steps) await take(step);
  } finally {
    await load.stop();
  }
  const { broken, sent, untold, ...counted } = await observed.found({ acknowledged, people: perSecond, allowed: allowed.repeats, mixed });
  publish({
    ...{ fault: name, acknowledged: acknowledged.size, acknowledgedBeforeLastFault: survived },
    ...{ ...counted, allowed: allowed.repeats, why: allowed.why },
  });
  expect(broken).toEqual([]);
  expect(mesh.ended.map((sentence) => sentence.replace(DIED_STARTING, "; starting it again."))).toEqual(ends);
  await proves?.(mesh);
  return { sent, untold };
}
