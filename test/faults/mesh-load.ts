/**
 * A steady load on a mesh: twenty callers, each with people of its own, send a batch a second each. One that is refused, or gets no answer,
 * repeats the same until it is acknowledged, so that what a person is sent is acknowledged in its order.
 */
import { setTimeout as pause } from "node:timers/promises";
import { clientsOf } from "../world/clients.ts";
import { type Acknowledged, type Batch, type Ingest, numbersFrom, sendBatch } from "./sends.ts";

export const CALLERS = 20;
const EVERY_MS = 1_000;
const AGAIN_MS = 500;
const PATIENCE_MS = 10_000;

/** Numbers of one load; a multiple of any rate, since a number names the person too. */
const NUMBERS = 1_000_000;

export interface Load {
  readonly acknowledged: Acknowledged;
  /** Resolves when all that was begun is acknowledged. */
  stop(): Promise<void>;
}

/** `load`: a number that no other load has. */
export function startLoad(url: string, perSecond: number, load: number, mixed = false): Load {
  const { ingest } = clientsOf(url);
  const acknowledged: Acknowledged = new Map();
  const start = load * NUMBERS;
  const size = perSecond / CALLERS;
  let isOver = false;
  const call = async (caller: number) => {
    await pause((EVERY_MS / CALLERS) * caller);
    for (let round = 0; !isOver; round++) {
      const sinceMs = performance.now();
      const numbers = numbersFrom(start + round * perSecond + caller * size, size);
      await untilAcknowledged(ingest, { numbers, people: perSecond, mixed }, acknowledged);
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
