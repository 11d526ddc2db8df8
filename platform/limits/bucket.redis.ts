/**
 * Token buckets in Redis, one hash for each integration, timed by the server's clock. Rules and answers are in the .lua files.
 *
 * A server that has lost a bucket has a full one: one burst more, once.
 */
import type { Clock } from "#platform/clock.ts";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { runScripts, type ScriptCall, script } from "#platform/redis/script.ts";
import { BOOKED_AFTER_MS, type Buckets, HOLDER_MS, LEASE_MS, leftByLow } from "./bucket.ts";

export interface RedisBucketsNeeds {
  readonly connection: RedisConnection;
  /** Before every key, so that several may share a server. */
  readonly prefix: string;
  /** Goes by this clock instead of the server's: for tests in which time stands still. */
  readonly clock?: Clock;
}

const scripts = {
  take: script(new URL("./take.lua", import.meta.url)),
  book: script(new URL("./book.lua", import.meta.url)),
  level: script(new URL("./level.lua", import.meta.url)),
};
const US = 1_000;

export function redisBuckets({ connection: { redis }, prefix, clock }: RedisBucketsNeeds): Buckets {
  const nowUs = () => (clock ? String(clock.nowMs() * US) : "");
  const keyOf = (integration: string) => `${prefix}ratelimit:${integration}:bucket`;
  const run = async (integration: string, name: keyof typeof scripts, args: ScriptCall["args"]): Promise<unknown> =>
    (await runScripts(redis, [{ script: scripts[name], keys: [keyOf(integration)], args }]))[0];

  return {
    async take({ integration, rate, holder, back, kept, wanted: { high, medium, low }, ahead }) {
      const { perSecond, burst } = rate;
      const reply = await run(integration, "take", [
        ...[nowUs(), perSecond, burst, leftByLow(rate), LEASE_MS * US, HOLDER_MS * US, holder],
        ...[back, kept, high, medium, low, ahead],
      ]);
      const said = reply as number[];
      if (!Array.isArray(said) || said.length !== 7 || !said.every(Number.isSafeInteger))
        throw new Error("the bucket's script did not answer seven whole numbers");
      const [forHigh = 0, forMedium = 0, forLow = 0, given = 0, nextUs = 0, lowUs = 0, holders = 1] = said;
      const nextMs = Math.ceil(nextUs / US);
      return {
        granted: { high: forHigh, medium: forMedium, low: forLow },
        ahead: given,
        nextMs: { high: nextMs, medium: nextMs, low: Math.ceil(lowUs / US) },
        holders,
      };
    },
    async book({ integration, rate, lane, count }) {
      const waitUs = await run(integration, "book", [nowUs(), rate.perSecond, lane, count, BOOKED_AFTER_MS * US, HOLDER_MS * US]);
      if (!Number.isSafeInteger(waitUs)) throw new Error("the bucket's script did not answer a whole number");
      return Math.ceil((waitUs as number) / US);
    },
    async level(integration, { perSecond, burst }) {
      const thousandths = await run(integration, "level", [nowUs(), perSecond, burst]);
      if (!Number.isSafeInteger(thousandths)) throw new Error("the bucket's script did not answer a whole number");
      return (thousandths as number) / 1_000;
    },
  };
}
