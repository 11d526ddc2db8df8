/**
 * Circuit breakers in Redis, one hash for each integration, timed by the server's clock. Rules and answers are in breaker.lua.
 *
 * A server that has lost a breaker has a closed one, which opens again after as many failures as ever. What an operator ordered it is told
 * again before the ledger beside it is whole (platform/ledger/sentinel.ts), and until then nobody is told what it says: it may be paused.
 */

import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import { sentinelKey } from "#platform/ledger/sentinel.ts";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { runScripts, type ScriptCall, script } from "#platform/redis/script.ts";
import { type BreakerState, type Breakers, CLOSES_AFTER, kinds, OPEN_MS, OPENS_AFTER, type Phase } from "./breaker.ts";

export interface RedisBreakersNeeds {
  readonly connection: RedisConnection;
  /** Before every key, so that several may share a server. */
  readonly prefix: string;
  /** Called when the server was found not to be whole. */
  readonly missing: () => void;
  /** Goes by this clock instead of the server's: for tests in which time stands still. */
  readonly clock?: Clock;
}

/** Past the last result or order that was told: a generation outlives every send that began under it. */
const KEPT_MS = 7 * 24 * 3_600_000;

const AGAIN_MS = 1_000;

const lua = script(new URL("./breaker.lua", import.meta.url));
const phases: ReadonlySet<string> = new Set<Phase>(["closed", "open", "half-open"]);

export function redisBreakers({ connection, prefix, missing, clock }: RedisBreakersNeeds): Breakers {
  const { redis } = connection;
  const sentinel = sentinelKey(prefix);
  const call = (integration: string, asks: string, ...more: (string | number)[]): ScriptCall => ({
    script: lua,
    keys: [`${prefix}breaker:${integration}`],
    args: [clock?.nowMs() ?? "", asks, OPENS_AFTER, OPEN_MS, CLOSES_AFTER, KEPT_MS, ...more],
  });
  const ask = async (...calls: ScriptCall[]) => {
    const replies = await runScripts(redis, calls, { after: [["GET", sentinel]] });
    if (String(replies.pop()) !== connection.server.runId) {
      missing();
      throw new Problem("STORE_UNAVAILABLE", { retryAfterMs: AGAIN_MS, cause: new Error("the breakers are being loaded back") });
    }
    return replies.map(stateOf);
  };

  return {
    read: (integrations) =>
      ask(...integrations.map((integration) => call(integration, "read"))).then((all) => all.map(({ state }) => state)),
    async probe({ integration, holder, leaseMs }) {
      const [told] = await ask(call(integration, "probe", holder, leaseMs));
      const { state, answer } = told as Told;
      return { ...state, granted: answer === 1 };
    },
    async report({ integration, generation, holder, is }) {
      const [told] = await ask(call(integration, is, holder, generation));
      const { state, answer } = told as Told;
      return answer === 0 ? state : { ...state, changed: answer === 1 ? "opened" : "closed" };
    },
    async order(integration, standing) {
      const args = standing.flatMap(({ is, number }) => [kinds[is], is, number]);
      const [reply] = await runScripts(redis, [call(integration, "order", ...args)]);
      return stateOf(reply).state;
    },
  };
}

interface Told {
  readonly state: BreakerState;
  readonly answer: number;
}

function stateOf(reply: unknown): Told {
  const [phase, ...numbers] = Array.isArray(reply) ? reply : [];
  if (!phases.has(String(phase)) || numbers.length !== 7 || !numbers.every(Number.isSafeInteger))
    throw new Error("the breaker's script did not answer a phase and seven whole numbers");
  const [generation, failures, waitMs, answer, held, paused, forMs] = numbers as [number, number, number, number, number, number, number];
  return {
    state: {
      ...{ phase: String(phase) as Phase, generation, failures, waitMs, held: held === 1, paused: paused === 1 },
      forMs: forMs < 0 ? undefined : forMs,
    },
    answer,
  };
}
