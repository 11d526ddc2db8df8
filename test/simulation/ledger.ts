/**
 * The ledger as a server that can lose everything, and as one process has it: behind a wire, the real sentinel and restorer before it and what
 * it must not forget beside it. As with Redis, a call that finds the sentinel's key gone has been carried out, and its answer is nobody's.
 */
import { type Keeps, type Kept, keeping, type tellAgain } from "#platform/ledger/keeping.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { restoringOf } from "#platform/ledger/restoring.ts";
import { sentinelOf } from "#platform/ledger/sentinel.ts";
import type { Process } from "./process.ts";
import { connectionOf, Keys, type Meanings, RUN } from "./redis.ts";
import type { Wire } from "./wire.ts";

const KEY = "sentinel";

export class LedgerServer {
  ledger: Ledger;
  keys: Keys;
  readonly #empty: () => Ledger;
  readonly #nowMs: () => number;

  constructor(empty: () => Ledger, nowMs: () => number) {
    this.#empty = empty;
    this.#nowMs = nowMs;
    this.ledger = empty();
    this.keys = new Keys(nowMs);
  }

  get isWhole(): boolean {
    return this.keys.get(KEY) === RUN;
  }

  loseEverything(): void {
    this.ledger = this.#empty();
    this.keys = new Keys(this.#nowMs);
  }
}

interface Needs {
  readonly server: LedgerServer;
  readonly keeps: Keeps;
  readonly wire: Wire;
  readonly restore: typeof tellAgain;
  /** Of the restorer. */
  readonly meanings: Meanings;
}

export function ledgerOf(process: Process, { server, keeps, wire, restore, meanings }: Needs): Ledger {
  const { clock } = process;
  const connection = connectionOf(process, { keys: () => server.keys, wire, meanings });
  const methods = Object.keys(server.ledger) as (keyof Ledger)[];
  const calling = (call: (method: keyof Ledger, given: unknown[]) => Promise<unknown>) =>
    Object.fromEntries(methods.map((method) => [method, (...given: unknown[]) => call(method, given)])) as unknown as Ledger;
  const run = async (method: keyof Ledger, given: unknown[]) => {
    const { isWhole } = server;
    const work = server.ledger[method] as (...given: unknown[]) => Promise<unknown>;
    return { isWhole, answer: await work(...given) };
  };
  const unchecked = calling(async (method, given) => (await wire.call(process, `ledger.${method}`, () => run(method, given))).answer);

  const farKept = <T>(name: string, kept: Kept<T>): Kept<T> => ({
    ...wire.far(process, name, kept),
    async *all(nowMs, after) {
      const pages = kept.all(nowMs, after)[Symbol.asyncIterator]();
      for (;;) {
        const page = await wire.call(process, `${name}.all`, () => pages.next());
        if (page.done) return;
        yield page.value;
      }
    },
  });
  const kept: Keeps = {
    cancels: farKept("cancels", keeps.cancels),
    suppressed: farKept("suppressed", keeps.suppressed),
    erased: farKept("erased", keeps.erased),
  };

  const restored = restoringOf({
    ...{ connection, key: KEY, prefix: "", clock },
    restore: (_lost, resuming) => restore(unchecked, kept, clock.nowMs(), resuming),
  });
  const sentinel = sentinelOf({ connection, key: KEY, restore: restored }, clock);
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
