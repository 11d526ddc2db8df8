/**
 * A cache that processes share through Redis, with copies in each process where that is wanted.
 *
 * While Redis is away the store is asked, by one of those who ask for the same at once; the metrics say so.
 */
import type { Registry } from "prom-client";
import type { Clock } from "#platform/clock.ts";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { counter } from "#platform/telemetry/metric.ts";
import type { Cache, Codec } from "./cache.ts";
import { Near, type NearOptions } from "./near.ts";
import { type Found, Shared } from "./shared.ts";

export interface RedisCacheNeeds<V> {
  /** In keys and metrics. Another shape of values needs another name. */
  readonly name: string;
  readonly connection: RedisConnection;
  /** Before every key, so that several may share a server. */
  readonly prefix?: string;
  readonly ttlMs: number;
  readonly codec: Codec<V>;
  /** Absent: nothing is kept in the process. */
  readonly near?: NearOptions;
  readonly metrics: Registry;
  readonly clock: Clock;
}

type Load<T> = (missing: readonly string[]) => Promise<readonly T[]>;
type Answers<V> = ReadonlyMap<string, V | undefined>;

/** For another process to load what it has claimed; afterwards it is loaded here too. */
const WAITS = 10;
const WAIT_MS = 25;

const lookups = counter({
  name: "carillon_cache_lookups_total",
  help: "Keys that were looked up in a cache. The hit rate is (near + hit) / all.",
  labels: {
    cache: "preferences, templates, …",
    answer: "near (this process' own copy), hit, miss (the store was asked), unavailable (the cache could not be asked, so the store was)",
  },
});
const undropped = counter({
  name: "carillon_cache_undropped_total",
  help: "Keys that were written while the cache could not be told; it is told when it is back, and may answer what was before until then.",
  labels: { cache: "as above" },
});

export async function redisCache<V>(needs: RedisCacheNeeds<V>): Promise<Cache<V>> {
  const { name, connection, prefix = "carillon:", ttlMs, codec, metrics, clock } = needs;
  const looked = lookups.on(metrics);
  const owed = undropped.on(metrics);
  const owing = (keys: number) => owed.inc({ cache: name }, keys);
  const shared = new Shared({ connection, prefix: `${prefix}cache:${name}:`, ttlMs, owing });
  /** What is being fetched; a write takes it out, so that nobody who asks later is answered by it. */
  const flights = new Map<string, Promise<Answers<V>>>();
  const dropped = (keys: readonly string[] = [...flights.keys()]) => {
    for (const key of keys) flights.delete(key);
  };
  const near = needs.near && (await Near.listening<V>({ ...needs.near, name, clock, dropped }));

  const decoded = (bytes: Uint8Array, key: string): V | undefined => {
    try {
      return codec.decode(bytes, key);
    } catch {
      return undefined;
    }
  };

  /** What the processes share; loaded by this one where nobody else does. */
  async function fetch(keys: readonly string[], load: Load<V | undefined>): Promise<Answers<V>> {
    const answers = new Map<string, V | undefined>();
    const claims = new Map<string, string>();
    const unread: string[] = [];
    const read = ({ who, found }: { who: string; found: ReadonlyMap<string, Found> }) => {
      for (const [key, there] of found) {
        if (there.is === "claimed") claims.set(key, who);
        if (there.is !== "value") continue;
        const value = decoded(there.bytes, key);
        if (value === undefined) unread.push(key);
        else answers.set(key, value);
      }
    };
    let isAway = false;
    try {
      const first = await shared.claim(keys);
      read(first);
      let waiting = keys.filter((key) => first.found.get(key)?.is === "loading");
      for (let wait = 0; waiting.length > 0 && wait < WAITS; wait++) {
        await clock.sleep(WAIT_MS);
        const next = await shared.claim(waiting);
        read(next);
        waiting = waiting.filter((key) => next.found.get(key)?.is === "loading");
      }
    } catch {
      isAway = true;
    }
    if (unread.length > 0) await shared.drop(unread);
    const missing = keys.filter((key) => !answers.has(key));
    looked.inc({ cache: name, answer: "hit" }, keys.length - missing.length);
    looked.inc({ cache: name, answer: isAway ? "unavailable" : "miss" }, missing.length);
    if (missing.length === 0) return answers;
    let loaded: readonly (V | undefined)[] = [];
    try {
      loaded = await load(missing);
    } finally {
      for (const [place, key] of missing.entries()) answers.set(key, loaded[place]);
      await fill(claims, answers);
    }
    return answers;
  }

  async function fill(claims: ReadonlyMap<string, string>, answers: Answers<V>): Promise<void> {
    const encoded = (key: string) => {
      const value = answers.get(key);
      return value === undefined ? undefined : codec.encode(value);
    };
    const byWho = Map.groupBy(claims, ([, who]) => who);
    // What cannot be filled in is loaded again by the next who asks.
    await Promise.allSettled([...byWho].map(([who, claimed]) => shared.fill(who, new Map(claimed.map(([key]) => [key, encoded(key)])))));
  }

  /** One flight for all of these, that others may join. */
  async function fly(keys: readonly string[], load: Load<V | undefined>): Promise<Answers<V>> {
    const flight = fetch(keys, load);
    for (const key of keys) flights.set(key, flight);
    try {
      const answers = await flight;
      for (const [key, value] of answers) if (value !== undefined && flights.get(key) === flight) near?.keep(key, value);
      return answers;
    } finally {
      for (const key of keys) if (flights.get(key) === flight) flights.delete(key);
    }
  }

  return {
    async get<T extends V | undefined>(keys: readonly string[], load: Load<T>): Promise<T[]> {
      const known = new Map<string, V | undefined>();
      const joined = new Map<string, Promise<Answers<V>>>();
      for (const key of new Set(keys)) {
        const copy = near?.get(key);
        const flight = flights.get(key);
        if (copy !== undefined) known.set(key, copy);
        else if (flight) joined.set(key, flight);
      }
      looked.inc({ cache: name, answer: "near" }, known.size);
      const mine = [...new Set(keys)].filter((key) => !known.has(key) && !joined.has(key));
      const [flown, settled] = await Promise.all([
        mine.length > 0 ? fly(mine, load) : new Map<string, T>(),
        Promise.allSettled(joined.values()),
      ]);
      for (const [key, value] of flown) known.set(key, value);
      for (const [place, key] of [...joined.keys()].entries()) {
        const other = settled[place];
        if (other?.status === "fulfilled") known.set(key, other.value.get(key));
      }
      looked.inc({ cache: name, answer: "hit" }, joined.size);
      // Who was joined may have asked in another way, or failed: then it is this one's turn.
      const again = [...joined.keys()].filter((key) => known.get(key) === undefined);
      const loaded = again.length > 0 ? await load(again) : [];
      for (const [place, key] of again.entries()) known.set(key, loaded[place]);
      return keys.map((key) => known.get(key) as T);
    },

    async change(keys, write) {
      const all = [...new Set(keys)];
      const who = await shared.write(all);
      dropped(all);
      try {
        return await write();
      } finally {
        await shared.drop(all, who);
        dropped(all);
        near?.drop(all);
      }
    },
  };
}
