/**
 * A steady load on a mesh while something happens to it; then what is counted from the outside: what was acknowledged, what reached the SMTP
 * server and in which order, what the tracker says.
 *
 * Twenty callers, each with people of its own, send a batch a second each. One that is refused, or gets no answer, repeats the same until it
 * is acknowledged, so that what a person is sent is acknowledged in its order.
 */
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import type { Delivery } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { clientsOf } from "../world/clients.ts";
import type { FaultMesh } from "./mesh.ts";
import { publish } from "./reliability.ts";
import { type Acknowledged, type Arrived, arrivedAt, type Batch, type Ingest, numbersFrom, sendBatch, whenTerminal } from "./sends.ts";

export interface MeshFault {
  /** As docs/reliability.md shows it. */
  readonly name: string;
  readonly perSecond: number;
  /** How many repeats it allows in all. */
  readonly allowed: number;
  /** What happens, under load. */
  strike(under: UnderLoad): Promise<void>;
}

export interface UnderLoad {
  /** Breaks something, now. */
  hit(action: () => void): void;
  /** Waits until so many more have been acknowledged, and mails arrive. */
  flows(more: number): Promise<void>;
}

export interface Counted extends Arrived {
  /** Mails that were first there before an earlier one of the same person, although neither had to wait. */
  readonly overtaken: number;
}

const CALLERS = 20;
const EVERY_MS = 1_000;
const AGAIN_MS = 500;
const PATIENCE_MS = 10_000;
const FLOWS_WITHIN = { timeout: 120_000, interval: 50 };

/** Numbers of one load; a multiple of any rate, since a number names the person too. */
const NUMBERS = 1_000_000;
let loads = 0;

export async function countOn(mesh: FaultMesh, { name, perSecond, allowed, strike }: MeshFault): Promise<Counted> {
  const before = new Map(mesh.sink.byDelivery);
  const load = startLoad(mesh.url, perSecond);
  const { acknowledged } = load;
  let survived = 0;
  const flows = async (more: number) => {
    const [already, arrived] = [acknowledged.size, mesh.sink.byDelivery.size];
    await expect.poll(() => acknowledged.size, FLOWS_WITHIN).toBeGreaterThanOrEqual(already + more);
    await expect.poll(() => mesh.sink.byDelivery.size, FLOWS_WITHIN).toBeGreaterThan(arrived);
  };
  const hit = (action: () => void) => {
    survived = acknowledged.size;
    action();
  };
  try {
    await flows(perSecond);
    await strike({ hit, flows });
  } finally {
    await load.stop();
  }
  const healedMs = performance.now();
  const deliveries = await whenTerminal(mesh.url, acknowledged);
  const quietMs = performance.now() - healedMs;
  const counted = { ...arrivedAt(mesh.sink, deliveries.values(), before), overtaken: overtakenOf(mesh, deliveries, perSecond) };
  publish({ fault: name, acknowledged: acknowledged.size, acknowledgedBeforeLastFault: survived, ...counted, allowed, quietMs });
  return counted;
}

interface Load {
  readonly acknowledged: Acknowledged;
  /** Resolves when all that was begun is acknowledged. */
  stop(): Promise<void>;
}

function startLoad(url: string, perSecond: number): Load {
  const { ingest } = clientsOf(url);
  const acknowledged: Acknowledged = new Map();
  const start = loads++ * NUMBERS;
  const size = perSecond / CALLERS;
  let isOver = false;
  const call = async (caller: number) => {
    await pause((EVERY_MS / CALLERS) * caller);
    for (let round = 0; !isOver; round++) {
      const sinceMs = performance.now();
      const numbers = numbersFrom(start + round * perSecond + caller * size, size);
      await untilAcknowledged(ingest, { numbers, people: perSecond }, acknowledged);
      await pause(Math.max(0, sinceMs + EVERY_MS - performance.now()));
    }
  };
  const calls = Promise.all(numbersFrom(0, CALLERS).map(call));
  return {
    acknowledged,
    async stop() {
      isOver = true;
      await calls;
    },
  };
}

async function untilAcknowledged(ingest: Ingest, batch: Batch, acknowledged: Acknowledged): Promise<void> {
  while (!(await sendBatch(ingest, { ...batch, timeoutMs: PATIENCE_MS }, acknowledged).catch(() => false))) await pause(AGAIN_MS);
}

/** By the order in which mails were first there. One that had to wait, for a lease or a retry, rejoins at the end, as it may. */
function overtakenOf({ sink }: FaultMesh, deliveries: ReadonlyMap<number, Delivery>, people: number): number {
  const numbers = new Map([...deliveries].map(([number, { deliveryId }]) => [deliveryId, number]));
  const newest = new Map<number, number>();
  let overtaken = 0;
  for (const id of sink.byDelivery.keys()) {
    const number = numbers.get(id);
    if (number === undefined || hadToWait(deliveries.get(number) as Delivery)) continue;
    const person = number % people;
    if (number < (newest.get(person) ?? 0)) overtaken++;
    else newest.set(person, number);
  }
  return overtaken;
}

const hadToWait = ({ attempts, reason }: Delivery): boolean => attempts > 1 || reason !== "";
