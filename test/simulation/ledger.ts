/**
 * The ledger as a server that can lose everything, and as one process has it: behind a wire, the real sentinel before it and what it must
 * not forget beside it. As with Redis, a call that finds the sentinel's key gone has been carried out, and its answer is nobody's.
 */
import { type Keeps, type Kept, keeping, type tellAgain } from "#platform/ledger/keeping.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { sentinelOf } from "#platform/ledger/sentinel.ts";
import type { RedisConnection } from "#platform/redis/connect.ts";
import type { Process } from "./process.ts";
import { silent } from "./rooms.ts";
import type { Wire } from "./wire.ts";

const RUN = "the only run";
const KEY = "sentinel";

export class LedgerServer {
  ledger: Ledger;
  sentinel: string | null = null;
  /** Counts how often it has lost everything. */
  losses = 0;
  readonly #empty: () => Ledger;

  constructor(empty: () => Ledger) {
    this.#empty = empty;
    this.ledger = empty();
  }

  loseEverything(): void {
    this.ledger = this.#empty();
    this.sentinel = null;
    this.losses++;
  }
}

interface Needs {
  readonly server: LedgerServer;
  readonly keeps: Keeps;
  readonly wire: Wire;
  readonly restore: typeof tellAgain;
}

export function ledgerOf(process: Process, { server, keeps, wire, restore }: Needs): Ledger {
  /** Of the data that was looked at; what a later loss has left is not called whole. */
  let looked = 0;
  const redis = {
    status: "ready",
    get: () =>
      wire.call(process, "ledger.get", async () => {
        looked = server.losses;
        return server.sentinel;
      }),
    set: (_key: string, value: string) =>
      wire.call(process, "ledger.set", async () => {
        if (looked === server.losses) server.sentinel = value;
      }),
  };
  const never = () => undefined;
  const connection = {
    ...{ redis, name: "ledger", logger: silent, server: { runId: RUN } },
    ...{ onLost: never, onReturn: never, health: () => ({ ok: true, why: [] }) },
  } as unknown as RedisConnection;

  const methods = Object.keys(server.ledger) as (keyof Ledger)[];
  const calling = (call: (method: keyof Ledger, given: unknown[]) => Promise<unknown>) =>
    Object.fromEntries(methods.map((method) => [method, (...given: unknown[]) => call(method, given)])) as unknown as Ledger;
  const run = async (method: keyof Ledger, given: unknown[]) => {
    const isWhole = server.sentinel === RUN;
    const work = server.ledger[method] as (...given: unknown[]) => Promise<unknown>;
    return { isWhole, answer: await work(...given) };
  };
  const unchecked = calling(async (method, given) => (await wire.call(process, `ledger.${method}`, () => run(method, given))).answer);

  const farKept = <T>(name: string, kept: Kept<T>): Kept<T> => ({
    ...wire.far(process, name, kept),
    async *all(nowMs) {
      yield* await wire.call(process, `${name}.all`, () => pagesOf(kept, nowMs));
    },
  });
  const kept: Keeps = {
    cancels: farKept("cancels", keeps.cancels),
    suppressed: farKept("suppressed", keeps.suppressed),
    erased: farKept("erased", keeps.erased),
  };

  const sentinel = sentinelOf({ connection, key: KEY, restore: () => restore(unchecked, kept, process.clock.nowMs()) }, process.clock);
  const checked = calling(async (method, given) => {
    const guard = await sentinel;
    guard.check();
    const { isWhole, answer } = await wire.call(process, `ledger.${method}`, () => run(method, given));
    if (!isWhole) guard.missing();
    guard.check();
    return answer;
  });
  return keeping(checked, kept);
}

async function pagesOf<T>(kept: Kept<T>, nowMs: number): Promise<readonly (readonly T[])[]> {
  const pages: (readonly T[])[] = [];
  for await (const page of kept.all(nowMs)) pages.push(page);
  return pages;
}
