/**
 * What has to hold after any fault of the mesh, looked at from outside: what callers saw acknowledged, what reached the SMTP server, what the
 * tracker says, what groups had committed meanwhile. Names are those by which docs/testing.md lists them. I5 is looked at over all faults of a
 * mesh together, in recount.ts.
 */
import { expect } from "vitest";
import type { Delivery } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { type Leavers, startLeavers } from "./leavers.ts";
import type { FaultMesh } from "./mesh.ts";
import { openPositions } from "./positions.ts";
import type { Sent } from "./recount.ts";
import { type Acknowledged, arrivedAt, isOnce, whenTerminal } from "./sends.ts";
import { lagOf, startWatch } from "./watch.ts";

export interface Found extends Sent {
  /** Acknowledged, and never at the SMTP server. */
  readonly lost: number;
  /** Mails that were there once more. */
  readonly duplicated: number;
  /** From when this was asked until every acknowledged notification was terminal. */
  readonly quietMs: number;
  /** What does not hold, in words; repeats that are allowed are not told. */
  readonly broken: readonly string[];
}

export interface Asked {
  readonly acknowledged: Acknowledged;
  /** How many the load's people are. */
  readonly people: number;
  /** Repeats that the promise allows. */
  readonly allowed: number;
  /** Whether every second one may be sent at most once. */
  readonly mixed: boolean;
}

export interface Observed extends Pick<Leavers, "leave"> {
  /** When the load is over. */
  found(asked: Asked): Promise<Found>;
}

const MOST_MIB = 512;
const SOON = { timeout: 90_000, interval: 500 };

/** From before the load begins, when all is quiet. `load`: a number that no other load has. */
export async function observe(mesh: FaultMesh, load: number, onTheWayMs: number): Promise<Observed> {
  const before = new Map(mesh.sink.byDelivery);
  const positions = await openPositions(mesh);
  const watch = startWatch(mesh);
  const leavers = startLeavers(mesh, load, onTheWayMs);
  return {
    leave: leavers.leave,
    async found({ acknowledged, people, allowed, mixed }) {
      const overMs = performance.now();
      try {
        await leavers.stop();
        // I1: every acknowledged delivery is terminal. I6: within a bounded time.
        const deliveries = await whenTerminal(mesh.url, acknowledged);
        const left = await leavers.settled();
        const quietMs = performance.now() - overMs;
        // Before the last look at positions, which then is above all that there was.
        const unsettled = await lagging(mesh);
        await watch.stop();
        const { lost, duplicated } = arrivedAt(mesh.sink, deliveries.values(), before);
        const broken = [
          ...(lost > 0 ? [`I1: ${lost} acknowledged and never sent`] : []),
          ...(duplicated > allowed ? [`I2: ${duplicated} sent again, of which ${allowed} are allowed`] : []),
          ...(mixed ? repeatedOnce(mesh, deliveries) : []).map((each) => `I2: ${each}`),
          ...overtaken(mesh, deliveries, people).map((each) => `I3: ${each}`),
          ...(await positions.passed(watch.samples)).map((each) => `I4: ${each}`),
          ...(watch.mostMib > MOST_MIB ? [`I7: a process took ${Math.round(watch.mostMib)} MiB`] : []),
          ...unsettled.map((each) => `I7: ${each}`),
          ...left.wrong.map((each) => `I8: ${each}`),
        ];
        return { lost, duplicated, quietMs, broken, sent: deliveries.size + left.sent, untold: left.untold };
      } finally {
        await watch.stop();
        await positions.close();
      }
    },
  };
}

/** Of a mixed load. */
function repeatedOnce({ sink }: FaultMesh, deliveries: ReadonlyMap<number, Delivery>): string[] {
  const counts = [...deliveries]
    .filter(([number]) => isOnce(number))
    .map(([number, { deliveryId }]) => [number, sink.byDelivery.get(deliveryId)]);
  return counts.flatMap(([number, count = 0]) =>
    count > 1 ? [`number ${number}, which is sent at most once, was sent ${count} times`] : [],
  );
}

/**
 * Mails that were first there before an earlier one of the same person, by the order in which mails were first there. One that had to wait,
 * for a lease or a retry, rejoins at the end, as it may.
 */
function overtaken({ sink }: FaultMesh, deliveries: ReadonlyMap<number, Delivery>, people: number): string[] {
  const numbers = new Map([...deliveries].map(([number, { deliveryId }]) => [deliveryId, number]));
  const newest = new Map<number, number>();
  const late: string[] = [];
  for (const id of sink.byDelivery.keys()) {
    const number = numbers.get(id);
    if (number === undefined || hadToWait(deliveries.get(number) as Delivery)) continue;
    const person = number % people;
    if (number < (newest.get(person) ?? 0)) late.push(`number ${number} of person ${person} came after ${newest.get(person)}`);
    else newest.set(person, number);
  }
  return late;
}

const hadToWait = ({ attempts, reason }: Delivery): boolean => attempts > 1 || reason !== "";

async function lagging(mesh: FaultMesh): Promise<string[]> {
  try {
    await expect.poll(() => lagOf(mesh), SOON).toBe(0);
    return [];
  } catch {
    return [`${await lagOf(mesh)} records are left unsettled`];
  }
}
