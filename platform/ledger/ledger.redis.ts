/**
 * The ledger in Redis: one hash per notification, which holds its decisions and its sends, and a key beside it once it is canceled. Both
 * carry the notification as hash tag, so that a cluster keeps them together. Rules and answers are in the .lua files.
 *
 * An intent is as durable as the server is set: with `appendfsync everysec`, the default, a server that dies forgets up to a second, and a
 * send of that second may happen again; `always` forgets nothing. A restart is noticed, see sentinel.ts.
 */
import type { Clock } from "#platform/clock.ts";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { RedisRefusal } from "#platform/redis/errors.ts";
import { runScripts, type Script, type ScriptCall, script } from "#platform/redis/script.ts";
import { forgetfulness } from "#platform/redis/server.ts";
import type { Readiness } from "#platform/telemetry/health.ts";
import type { Cancel, DecidedBefore, Draft, Extension, Intent, Ledger, Progress, SendState, Settled, SettledState, Try } from "./ledger.ts";
import { KEPT_MS } from "./rules.ts";
import { type Loss, sentinelOf } from "./sentinel.ts";

export interface RedisLedgerNeeds {
  readonly connection: RedisConnection;
  /** Before every key, so that several may share a server. */
  readonly prefix?: string;
  /**
   * Tells the ledger again what must not be forgotten and is known elsewhere: the cancels that have not run out. Nothing is sent before it
   * resolves; while it rejects it is called again.
   */
  readonly restore: (lost: Loss, ledger: Pick<Ledger, "cancel">) => Promise<void>;
  /** In development: a server that evicts, or does not log its writes, is warned of. Elsewhere it is refused. */
  readonly mayForget?: boolean;
  /** Goes by this clock instead of the server's: for tests in which time stands still. */
  readonly clock?: Clock;
}

export interface RedisLedger extends Ledger {
  health(): Readiness;
}

/** What one script call is about: others wait while it runs, and a server that is asked for a thousand sends has to answer in between. */
const AT_ONCE = 200;
/** Clocks differ. */
const CANCEL_MARGIN_MS = 3_600_000;
const DECISION = "decision ";

const lua = (name: string) => script(new URL(`./${name}.lua`, import.meta.url));
const scripts = {
  ...{ decide: lua("decide"), intend: lua("intend"), settle: lua("settle") },
  ...{ extend: lua("extend"), cancel: lua("cancel"), states: lua("states") },
};

const sendsOf = (deliveryId: string) => `send ${deliveryId} `;
const sendField = ({ deliveryId, cycle, target }: Try | Settled | Extension) => `${sendsOf(deliveryId)}${cycle} ${target}`;
const text = (reply: unknown): string => String(reply);

/** Rejects with a RedisRefusal for a server that may forget. */
export async function redisLedger(needs: RedisLedgerNeeds): Promise<RedisLedger> {
  const { connection, prefix = "carillon:", restore, mayForget = false, clock } = needs;
  const { redis } = connection;
  const faults = forgetfulness(connection.server);
  const says = `Redis (${connection.name}) may lose what it must keep: ${faults.join("; ")}.`;
  if (faults.length > 0 && !mayForget) throw new RedisRefusal(says);
  if (faults.length > 0) connection.logger.warn(says);
  const nowMs = () => (clock ? String(clock.nowMs()) : "");
  const tagOf = ({ environment, notificationId }: Pick<Draft, "environment" | "notificationId">) => `{${environment}/${notificationId}}`;
  const hashOf = (of: Pick<Draft, "environment" | "notificationId">) => `${prefix}ledger:${tagOf(of)}`;
  const cancelOf = (of: Pick<Draft, "environment" | "notificationId">) => `${hashOf(of)}:canceled`;

  type Run = (calls: readonly ScriptCall[]) => Promise<unknown[]>;
  const cancel = async ({ untilMs, ...of }: Cancel, run: Run): Promise<DecidedBefore[]> => {
    const keys = [cancelOf(of), hashOf(of)];
    const [found] = await run([{ script: scripts.cancel, keys, args: [nowMs(), untilMs, CANCEL_MARGIN_MS, DECISION] }]);
    const decided = found as Uint8Array[];
    return Array.from({ length: decided.length / 2 }, (_, place) => ({
      recipient: text(decided[2 * place]).slice(DECISION.length),
      decision: bytes(decided[2 * place + 1]),
    }));
  };

  const key = `${prefix}ledger:sentinel`;
  const again = (asked: Cancel) => cancel(asked, (calls) => runScripts(redis, calls));
  const sentinel = await sentinelOf({ connection, key, restore: (lost) => restore(lost, { cancel: again }) });

  /** In one round trip; what a server says that has lost its entries is nobody's answer. */
  const run: Run = async (calls) => {
    sentinel.check();
    const [isThere, ...answers] = await runScripts(redis, calls, [["EXISTS", key]]);
    if (isThere === 0) sentinel.missing();
    sentinel.check();
    return answers;
  };
  const each = async <T>(
    script: Script,
    items: readonly T[],
    call: {
      readonly keys: (item: T) => readonly string[];
      readonly head: readonly string[];
      readonly args: (item: T) => ScriptCall["args"];
    },
  ): Promise<unknown[]> => {
    const calls: ScriptCall[] = [];
    for (let from = 0; from < items.length; from += AT_ONCE) {
      const some = items.slice(from, from + AT_ONCE);
      calls.push({ script, keys: some.flatMap(call.keys), args: [...call.head, ...some.flatMap(call.args)] });
    }
    return calls.length > 0 ? (await run(calls)).flat() : [];
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
    async intend(tries) {
      const answers = await each(scripts.intend, tries, {
        keys: (asked) => [hashOf(asked), cancelOf(asked)],
        head: [nowMs(), String(KEPT_MS)],
        args: (asked) => [sendField(asked), asked.attempt, asked.wait, asked.worker, asked.leaseMs],
      });
      return answers.map((answer) => intentOf(text(answer)));
    },
    async settle(results) {
      await each(scripts.settle, results, {
        keys: (result) => [hashOf(result)],
        head: [String(KEPT_MS)],
        args: ({ state, atMs, ...of }) => {
          const next = typeof state === "string" ? undefined : state.released;
          return [
            sendField({ state, atMs, ...of }),
            of.worker,
            next ? "released" : (state as SettledState),
            atMs,
            next?.attempt ?? "",
            next?.wait ?? "",
          ];
        },
      });
    },
    async extend(leases) {
      const answers = await each(scripts.extend, leases, {
        keys: (lease) => [hashOf(lease)],
        head: [nowMs(), String(KEPT_MS)],
        args: (lease) => [sendField(lease), lease.worker, lease.leaseMs],
      });
      return answers.map((answer) => answer === 1);
    },
    cancel: (asked) => cancel(asked, run),
    async statesOf({ deliveryIds, ...of }) {
      const [states] = await run([{ script: scripts.states, keys: [hashOf(of)], args: deliveryIds.map(sendsOf) }]);
      return (states as unknown[]).map((each) => text(each).split(" ").slice(0, -1) as SendState[]);
    },
    health: sentinel.health,
  };
}

/** A copy of its own: what Redis answers is a view into a larger buffer. */
const bytes = (reply: unknown): Uint8Array => new Uint8Array(reply as Uint8Array);

function intentOf(answer: string): Intent {
  const [is, ...words] = answer.split(" ");
  const progress = (attempt = "", wait = ""): Progress => ({ attempt: Number(attempt), wait: Number(wait) });
  switch (is) {
    case "leased":
      return { is, untilMs: Number(words[0]) };
    case "settled":
      return { is, state: words[0] as SettledState, by: progress(words[1], words[2]), atMs: Number(words[3]) };
    case "repeat":
      return words.length > 0 ? { is, expected: { ...progress(words[0], words[1]), atMs: Number(words[2]) } } : { is };
    case "canceled":
      return { is, atMs: Number(words[0]) };
    case "send":
    case "unknown":
      return { is };
    default:
      throw new Error(`the ledger's script answered ${is}`);
  }
}
