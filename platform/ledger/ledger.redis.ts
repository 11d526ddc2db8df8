/**
 * The ledger in Redis: one hash per notification, which holds its decisions and its sends, and a key beside it once it is canceled. Both
 * carry the notification as hash tag, so that a cluster keeps them together. Rules and answers are in the .lua files.
 *
 * Suppressions and erasures are keys of people and addresses, which no script about a notification may read in a cluster. They are read behind the
 * script that gives the leases, in the same round trip: one that was answered before a lease was given is always seen, and the lease is
 * taken back. Read before it, one that came in between would be missed.
 *
 * An intent is as durable as the server is set: with `appendfsync everysec`, the default, a server that dies forgets up to a second, and a
 * send of that second may happen again; `always` forgets nothing. A restart is noticed, see sentinel.ts.
 */

import type { Registry } from "prom-client";
import { Problem } from "#domain/errors.ts";
import { type Clock, systemClock } from "#platform/clock.ts";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { RedisRefusal } from "#platform/redis/errors.ts";
import { type Command, runScripts, type Script, type ScriptCall, script } from "#platform/redis/script.ts";
import { forgetfulness } from "#platform/redis/server.ts";
import type { Readiness } from "#platform/telemetry/health.ts";
import type { Told } from "./keeping.ts";
import type {
  Barred,
  Cancel,
  DecidedBefore,
  Draft,
  Erased,
  Extension,
  Hold,
  Intent,
  Ledger,
  Settled,
  SettledState,
  Suppressed,
  Try,
} from "./ledger.ts";
import { holdOf, intentOf, isErasedBy, isSuppressedBy, stateOf } from "./replies.ts";
import { type Loss, type Resuming, restoringOf } from "./restoring.ts";
import { KEPT_MS, LIFTED_KEPT_MS } from "./rules.ts";
import { sentinelKey, sentinelOf } from "./sentinel.ts";

export interface RedisLedgerNeeds {
  readonly connection: RedisConnection;
  /** Before every key, so that several may share a server. */
  readonly prefix?: string;
  /**
   * Tells the ledger again what must not be forgotten and is known elsewhere (keeping.ts). Nothing is sent before it resolves; while it
   * rejects it is called again, here or in another process, and goes on where it had come to.
   */
  readonly restore: (lost: Loss, ledger: Told, resuming: Resuming) => Promise<void>;
  /** Left out: nobody is told. */
  readonly metrics?: Registry;
  /** In development: a server that evicts, or does not log its writes, is warned of. Elsewhere it is refused. */
  readonly mayForget?: boolean;
  /** Goes by this clock instead of the server's: for tests in which time stands still. */
  readonly clock?: Clock;
}

export interface RedisLedger extends Ledger {
  health(): Readiness;
  /** Called by whoever finds the server not to be whole. */
  missing(): void;
}

/** What one script call is about: others wait while it runs, and a server that is asked for a thousand sends has to answer in between. */
const AT_ONCE = 200;
/** Clocks differ. */
const MARGIN_MS = 3_600_000;
const DECISION = "decision ";
/** Of fewer, intend.lua takes some for cut. */
const TIME_DIGITS = 13;

const file = (name: string) => new URL(`./${name}.lua`, import.meta.url);
/** Of what may be damaged. */
const reading = (name: string) => script(file("fault"), file(name));
const scripts = {
  ...{ decide: reading("decide"), intend: reading("intend"), settle: reading("settle"), extend: reading("extend") },
  ...{
    cancel: reading("cancel"),
    undecide: reading("undecide"),
    states: reading("states"),
    suppress: script(file("suppress")),
    erase: script(file("erase")),
  },
};

const sendsOf = (deliveryId: string) => `send ${deliveryId} `;
const sendField = ({ deliveryId, cycle, target }: Try | Settled | Extension) => `${sendsOf(deliveryId)}${cycle} ${target}`;
const text = (reply: unknown): string => String(reply);

/** Rejects with a RedisRefusal for a server that may forget. */
export async function redisLedger(needs: RedisLedgerNeeds): Promise<RedisLedger> {
  const { connection, prefix = "carillon:", restore, mayForget = false, clock, metrics } = needs;
  const { redis } = connection;
  const faults = forgetfulness(connection.server);
  const says = `Redis (${connection.name}) may lose what it must keep: ${faults.join("; ")}.`;
  if (faults.length > 0 && !mayForget) throw new RedisRefusal(says);
  if (faults.length > 0) connection.logger.warn(says);
  const nowMs = () => (clock ? String(clock.nowMs()) : "");
  const tagOf = ({ environment, notificationId }: Pick<Draft, "environment" | "notificationId">) => `{${environment}/${notificationId}}`;
  const hashOf = (of: Pick<Draft, "environment" | "notificationId">) => `${prefix}ledger:${tagOf(of)}`;
  const cancelOf = (of: Pick<Draft, "environment" | "notificationId">) => `${hashOf(of)}:canceled`;

  const suppressedOf = (environment: string, whom: string) => `${prefix}ledger:suppressed:{${environment}/${whom}}`;

  const erasedOf = (environment: string, whom: string) => `${prefix}ledger:erased:{${environment}/${whom}}`;

  type Run = (calls: readonly ScriptCall[], after?: readonly Command[]) => Promise<unknown[]>;
  const cancel = async ({ untilMs, ...of }: Cancel, run: Run): Promise<DecidedBefore[]> => {
    const keys = [cancelOf(of), hashOf(of)];
    const [found] = await run([{ script: scripts.cancel, keys, args: [nowMs(), untilMs, MARGIN_MS, DECISION] }]);
    const decided = found as Uint8Array[];
    return Array.from({ length: decided.length / 2 }, (_, place) => ({
      recipient: text(decided[2 * place]).slice(DECISION.length),
      decision: bytes(decided[2 * place + 1]),
    }));
  };

  const suppress = async ({ environment, whom, suppressed, atMs }: Suppressed, run: Run): Promise<void> => {
    const args = [suppressed ? 1 : 0, atMs, LIFTED_KEPT_MS];
    await run([{ script: scripts.suppress, keys: [suppressedOf(environment, whom)], args }]);
  };

  const erase = async ({ environment, whom, atMs, untilMs }: Erased, run: Run): Promise<void> => {
    await run([{ script: scripts.erase, keys: [erasedOf(environment, whom)], args: [nowMs(), atMs, untilMs, MARGIN_MS] }]);
  };

  const key = sentinelKey(prefix);
  const unchecked: Run = (calls) => runScripts(redis, calls);
  const again: Told = {
    cancel: (asked) => cancel(asked, unchecked),
    suppress: (said) => suppress(said, unchecked),
    erase: (said) => erase(said, unchecked),
  };
  const restoring = restoringOf({
    ...{ connection, key, prefix, metrics, clock: clock ?? systemClock },
    restore: (lost, resuming) => restore(lost, again, resuming),
  });
  const sentinel = await sentinelOf({ connection, key, restore: restoring });

  /** In one round trip; what a server says that has lost its entries is nobody's answer. */
  const run: Run = async (calls, after = []) => {
    sentinel.check();
    const [isThere, ...answers] = await runScripts(redis, calls, { before: [["EXISTS", key]], after });
    if (isThere === 0) sentinel.missing();
    sentinel.check();
    return answers;
  };
  const each = async <T>(script: Script, items: readonly T[], asking: Asking<T>): Promise<unknown[]> =>
    items.length > 0 ? answersTo(items, await run(callsOf(script, items, asking))) : [];

  /** What is said of names, as of after the calls; their answers come first. */
  const saidBehind = async (calls: readonly ScriptCall[], keys: readonly string[]) => {
    const answers = await run(calls, [["MGET", key, ...keys]]);
    const [isThere, ...said] = answers.pop() as (Uint8Array | null)[];
    // Lost in between: it is not known whom nothing may be sent to.
    if (isThere === null) sentinel.missing();
    sentinel.check();
    return { answers, said: new Map(keys.map((key, place) => [key, said[place] ? text(said[place]) : ""])) };
  };
  /** What the calls answer for each item, and what bars it as of then. */
  const answeredBehind = async <T extends Reaching>(items: readonly T[], calls: readonly ScriptCall[]) => {
    const keysOf = ({ environment, reaches }: T) => ({
      suppressions: reaches.map((whom) => suppressedOf(environment, whom)),
      erasures: reaches.map((whom) => erasedOf(environment, whom)),
    });
    const keys = [...new Set(items.map(keysOf).flatMap(({ suppressions, erasures }) => [...suppressions, ...erasures]))];
    const { answers, said } = await saidBehind(calls, keys);
    const barredBy = (item: T): Barred | undefined => {
      const { suppressions, erasures } = keysOf(item);
      if (suppressions.some((key) => isSuppressedBy(said.get(key) ?? ""))) return "suppressed";
      return erasures.some((key) => isErasedBy(said.get(key) ?? "", item.acceptedAtMs)) ? "erased" : undefined;
    };
    return { answers: answersTo(items, answers), barredBy };
  };
  const settle = async (results: readonly Settled[]): Promise<boolean[]> => {
    const answers = await each(scripts.settle, results, {
      keys: (result) => [hashOf(result)],
      head: [String(KEPT_MS)],
      args: ({ state, atMs, ...of }) => {
        const next = typeof state === "string" ? undefined : state.released;
        return [
          sendField({ state, atMs, ...of }),
          of.worker,
          next ? "released" : (state as SettledState),
          String(atMs).padStart(TIME_DIGITS, "0"),
          next?.attempt ?? "",
          next?.wait ?? "",
        ];
      },
    });
    return answers.map((answer) => answer === 1);
  };

  return {
    async decideOnce(drafts) {
      const answers = await each(scripts.decide, drafts, {
        keys: (draft) => [hashOf(draft), cancelOf(draft)],
        head: [String(KEPT_MS)],
        args: ({ recipient, decision }) => [DECISION + recipient, Buffer.from(decision)],
      });
      return drafts.map(({ decision }, place) => {
        const [canceled, earlier] = answers[place] as [number, Uint8Array | null];
        return { decision: earlier ? bytes(earlier) : decision, first: earlier === null, canceled: canceled === 1 };
      });
    },
    async undecide({ recipient, decision, deliveryIds, ...of }) {
      const args = [DECISION + recipient, Buffer.from(decision), ...deliveryIds.map(sendsOf)];
      const [known] = await run([{ script: scripts.undecide, keys: [hashOf(of)], args }]);
      return known ? bytes(known) : undefined;
    },
    async intend(tries) {
      if (tries.length === 0) return [];
      const calls = callsOf(scripts.intend, tries, {
        keys: (asked) => [hashOf(asked), cancelOf(asked)],
        head: [nowMs(), String(KEPT_MS)],
        args: (asked) => [sendField(asked), asked.attempt, asked.wait, asked.worker, asked.leaseMs],
      });
      const { answers, barredBy } = await answeredBehind(tries, calls);
      const intents = answers.map(intentOf);
      const atMs = (clock ?? systemClock).nowMs();
      const barred = tries.flatMap((asked, place) => {
        const state = isLease(intents[place] as Intent) ? barredBy(asked) : undefined;
        return state ? [{ ...asked, place, state, atMs }] : [];
      });
      // Nothing has been sent: who dies here leaves a lease that runs out, and the next who asks is told the same.
      if (barred.length > 0) await settle(barred);
      for (const { place, state } of barred) intents[place] = { is: state, atMs };
      return intents;
    },
    settle,
    async extend(leases) {
      if (leases.length === 0) return [];
      const calls = callsOf(scripts.extend, leases, {
        keys: (lease) => [hashOf(lease), cancelOf(lease)],
        head: [nowMs(), String(KEPT_MS)],
        args: (lease) => [sendField(lease), lease.worker, lease.leaseMs],
      });
      const { answers, barredBy } = await answeredBehind(leases, calls);
      return leases.map((lease, place): Hold => {
        const hold = holdOf(answers[place]);
        return hold === "held" ? (barredBy(lease) ?? hold) : hold;
      });
    },
    cancel: (asked) => cancel(asked, run),
    suppress: (said) => suppress(said, run),
    erase: (said) => erase(said, run),
    async erasedAt(environment, whoms) {
      if (whoms.length === 0) return [];
      const keys = whoms.map((whom) => erasedOf(environment, whom));
      const { said } = await saidBehind([], keys);
      return keys.map((key) => Number(said.get(key)) || 0);
    },
    async statesOf({ deliveryIds, ...of }) {
      const [states] = await run([{ script: scripts.states, keys: [hashOf(of)], args: deliveryIds.map(sendsOf) }]);
      return (states as unknown[]).map((each) => text(each).split(" ").slice(0, -1).map(stateOf));
    },
    health: sentinel.health,
    missing: sentinel.missing,
  };
}

type Reaching = Pick<Try, "environment" | "reaches" | "acceptedAtMs">;

/** How a script is asked about items. */
interface Asking<T> {
  readonly keys: (item: T) => readonly string[];
  readonly head: readonly string[];
  readonly args: (item: T) => ScriptCall["args"];
}

function callsOf<T>(script: Script, items: readonly T[], { keys, head, args }: Asking<T>): ScriptCall[] {
  const calls: ScriptCall[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    const some = items.slice(from, from + AT_ONCE);
    calls.push({ script, keys: some.flatMap(keys), args: [...head, ...some.flatMap(args)] });
  }
  return calls;
}

/** The answers of the calls that were asked about these, one each. Of any other number nobody knows which answer is whose. */
function answersTo(items: readonly unknown[], replies: readonly unknown[]): unknown[] {
  const answers = replies.flat();
  if (answers.length !== items.length || !replies.every(Array.isArray))
    throw new Problem("STORE_UNAVAILABLE", {
      retryAfterMs: 1_000,
      cause: new Error(`the ledger's script gave ${answers.length} answers about ${items.length} sends`),
    });
  return answers;
}

const isLease = ({ is }: Intent): boolean => is === "send" || is === "unknown";

/** A copy of its own: what Redis answers is a view into a larger buffer. */
const bytes = (reply: unknown): Uint8Array => new Uint8Array(reply as Uint8Array);
