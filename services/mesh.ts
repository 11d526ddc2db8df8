/**
 * The mesh's engines behind the ports: a process opens those that its modules work with, and waits for each for as long as it takes.
 */
import { redisCache } from "#platform/cache/cache.redis.ts";
import type { Codec } from "#platform/cache/cache.ts";
import { openCassandra } from "#platform/cassandra/open.ts";
import { redisFanout } from "#platform/fanout/fanout.redis.ts";
import type { Engine, Module, Task } from "#platform/host.ts";
import { mysqlCancels } from "#platform/ledger/cancels.mysql.ts";
import { mysqlErased } from "#platform/ledger/erased.mysql.ts";
import { mysqlIntents } from "#platform/ledger/intents.mysql.ts";
import { keeping, tellAgain } from "#platform/ledger/keeping.ts";
import { redisLedger } from "#platform/ledger/ledger.redis.ts";
import { measuredLedger } from "#platform/ledger/measured.ts";
import { atMostOnce } from "#platform/ledger/once.ts";
import { KEPT_MS, LIFTED_KEPT_MS } from "#platform/ledger/rules.ts";
import { mysqlSuppressed } from "#platform/ledger/suppressed.mysql.ts";
import { redisBreakers } from "#platform/limits/breaker.redis.ts";
import { redisBuckets } from "#platform/limits/bucket.redis.ts";
import { mysqlOrders } from "#platform/limits/orders.mysql.ts";
import { orderAgain } from "#platform/limits/orders.ts";
import { openMysql } from "#platform/mysql/open.ts";
import { connectRedis } from "#platform/redis/connect.ts";
import { sweeping } from "#platform/sweep.ts";
import { type Health, together } from "#platform/telemetry/health.ts";
import { mysqlAccessStore } from "./access/store.mysql.ts";
import type { Adapters, EngineNeeds } from "./adapters.ts";
import { redisBoxes } from "./console/box.redis.ts";
import { mysqlDeadLetterStore } from "./deadletters/store.mysql.ts";
import { type EngineSettings, needed } from "./engines.ts";
import { cassandraInboxStore } from "./inbox/store.cassandra.ts";
import { redisReservations } from "./ingest/reservations.redis.ts";
import { openKafka } from "./kafka.ts";
import { mysqlCategoryStore } from "./preferences/categories.mysql.ts";
import { cachedPreferenceStore, knownPersonCodec, PREFERENCES_KEPT_MS } from "./preferences/store.cached.ts";
import { mysqlPreferenceStore } from "./preferences/store.mysql.ts";
import { mysqlSuppressionStore } from "./preferences/suppressions.mysql.ts";
import type { ProcessSettings } from "./process.ts";
import { mysqlScheduleStore } from "./scheduler/store.mysql.ts";
import { cachedTemplateStore, TEMPLATES_KEPT_MS, templateCodecs } from "./templates/store.cached.ts";
import { mysqlTemplateStore } from "./templates/store.mysql.ts";
import { cassandraHistoryStore } from "./tracker/store.cassandra.ts";

export interface MeshNeeds extends Omit<EngineNeeds, "dataDir"> {
  readonly modules: readonly Module[];
  /** Unique per process start. */
  readonly worker: string;
  /** Told what each engine is waited for; undefined: it is there. */
  readonly waitingFor: (engine: string, why: string | undefined) => void;
  /** Of the history. */
  readonly historyKeptMs: number;
}

interface Opened {
  health?(): Health;
  close(): Promise<void> | void;
}

/** A write elsewhere is told at once; when that news is lost, a copy is as old as this. */
const NEAR_MS = 5_000;
/** Of each cache in a process; a person is about half a KiB. */
const NEAR_MOST = 10_000;

export async function mesh(settings: EngineSettings, { mode }: ProcessSettings, needs: MeshNeeds): Promise<Adapters> {
  const { modules, clock, logger, metrics, worker, topics } = needs;
  const prefix = settings["redis.prefix"];
  /** In the order opened; closed the other way round. */
  const opened: Opened[] = [];
  const tasks: Task[] = [];
  const kept = <T extends Opened>(engine: T): T => {
    opened.push(engine);
    return engine;
  };
  const opening = <T>(engine: string, open: () => Promise<T>) =>
    once(async () => {
      needs.waitingFor(engine, `waiting for ${engine}`);
      const there = await open();
      needs.waitingFor(engine, undefined);
      return there;
    });
  const kafka = opening("Kafka", async () => kept(await openKafka(settings, { topics, clock, logger, metrics })));
  const mysql = opening("MySQL", async () =>
    kept(
      await openMysql({
        ...{ url: needed(settings, "mysql.url"), connections: settings["mysql.connections"], tls: settings["mysql.tls"] },
        ...{ clock, logger, metrics },
      }),
    ),
  );
  /** Without it the process still serves, so it stays ready. */
  const spared = <T extends Opened>(engine: T): T => {
    opened.push({ close: () => engine.close() });
    return engine;
  };
  const redis = (name: string, key: "redis.ledger-url" | "redis.cache-url", hold: typeof kept = kept) =>
    opening(`Redis (${name})`, async () => hold(await connectRedis({ name, url: needed(settings, key) }, { logger, metrics, clock })));
  const ledgerRedis = redis("ledger", "redis.ledger-url");
  const cacheRedis = redis("cache", "redis.cache-url", spared);
  const listeningRedis = redis("fanout", "redis.ledger-url");
  const cassandra = opening("Cassandra", async () => {
    const { "cassandra.username": username, "cassandra.password": password = "" } = settings;
    const replicas = settings["cassandra.create-with-replicas"] ?? (mode === "development" ? 1 : undefined);
    return kept(
      await openCassandra({
        ...{ contactPoints: needed(settings, "cassandra.contact-points"), localDataCenter: settings["cassandra.local-data-center"] },
        ...{ keyspace: settings["cassandra.keyspace"], tls: settings["cassandra.tls"], clock, logger, metrics },
        ...(replicas !== undefined && { createWithReplicas: replicas }),
        ...(username !== undefined && { credentials: { username, password } }),
      }),
    );
  });
  const cacheNewsRedis = redis("cache news", "redis.cache-url", spared);
  /** Over the cache's own server: who only reads people or templates does not depend on the ledger's. */
  const cacheNews = once(async () =>
    spared(await redisFanout({ publisher: await cacheRedis(), subscriber: await cacheNewsRedis(), prefix, metrics, clock })),
  );
  const cached = async <V>(name: string, ttlMs: number, codec: Codec<V>) => {
    const near = { fanout: await cacheNews(), ttlMs: NEAR_MS, most: NEAR_MOST };
    return redisCache({ name, connection: await cacheRedis(), prefix, ttlMs, codec, near, metrics, clock });
  };

  /** And what is lost with it. */
  const ledgerSide = once(async () => {
    const kept = {
      cancels: await mysqlCancels(await mysql()),
      suppressed: await mysqlSuppressed(await mysql()),
      erased: await mysqlErased(await mysql()),
    };
    const intents = await mysqlIntents(await mysql(), { clock });
    tasks.push(
      sweeping({ name: "forget-intents", store: intents, clock, keptMs: KEPT_MS }),
      sweeping({ name: "forget-cancels", store: kept.cancels, clock, keptMs: 0 }),
      sweeping({ name: "forget-lifted-suppressions", store: kept.suppressed, clock, keptMs: LIFTED_KEPT_MS }),
      sweeping({ name: "forget-erasures", store: kept.erased, clock, keptMs: 0 }),
    );
    const orders = await mysqlOrders(await mysql());
    const connection = await ledgerRedis();
    const breakers = redisBreakers({ connection, prefix, missing: () => plain.missing() });
    const plain = await redisLedger({
      ...{ connection, prefix, mayForget: mode === "development" },
      metrics,
      async restore(_lost, empty, resuming) {
        await orderAgain(breakers, orders);
        await tellAgain(empty, kept, clock.nowMs(), resuming);
      },
    });
    return { ledger: measuredLedger(atMostOnce(keeping(plain, kept), intents, { clock }), metrics), breakers, orders };
  });
  const ledger = async () => (await ledgerSide()).ledger;
  const fanout = async () =>
    kept(await redisFanout({ publisher: await ledgerRedis(), subscriber: await listeningRedis(), prefix, metrics, clock }));
  const boxes = async () => redisBoxes({ connection: await cacheRedis(), prefix, clock });
  const stores: Readonly<Record<string, () => Promise<unknown>>> = {
    ingest: async () => redisReservations({ connection: await ledgerRedis(), prefix }),
    preferences: async () => ({
      people: cachedPreferenceStore(
        await mysqlPreferenceStore(await mysql()),
        await cached("preferences", PREFERENCES_KEPT_MS, knownPersonCodec),
      ),
      categories: await mysqlCategoryStore(await mysql()),
      suppressions: await mysqlSuppressionStore(await mysql()),
    }),
    templates: async () =>
      cachedTemplateStore(await mysqlTemplateStore(await mysql()), {
        records: await cached("templates", TEMPLATES_KEPT_MS, templateCodecs.records),
        versions: await cached("template-versions", TEMPLATES_KEPT_MS, templateCodecs.versions),
        sources: await cached("template-sources", TEMPLATES_KEPT_MS, templateCodecs.sources),
      }),
    scheduler: async () => mysqlScheduleStore(await mysql(), worker),
    inbox: async () => cassandraInboxStore(await cassandra(), { clock }),
    deadletters: async () => mysqlDeadLetterStore(await mysql()),
    tracker: async () => cassandraHistoryStore(await cassandra(), { clock, keptMs: needs.historyKeptMs }),
    access: async () => mysqlAccessStore(await mysql()),
    console: boxes,
    "email-workers": async () => {
      // Where the ledger is: without it nothing is sent anyway.
      const { breakers, orders } = await ledgerSide();
      return { boxes: await boxes(), buckets: redisBuckets({ connection: await ledgerRedis(), prefix }), breakers, orders };
    },
  };

  const close = async () => {
    for (const each of opened.reverse()) await each.close();
  };
  try {
    const used = new Set(modules.flatMap(({ uses = [] }) => uses));
    const engine = async <T extends object>(name: Engine, open: () => Promise<T>) => (used.has(name) ? open() : unopened<T>(name));
    const [log, its, out] = await Promise.all([engine("log", kafka), engine("ledger", ledger), engine("fanout", fanout)]);
    // In production every door looks keys up.
    const names = modules.map(({ name }) => name).concat(mode === "production" ? ["access"] : []);
    const own = [...new Set(names)].filter((name) => name in stores);
    const open = await Promise.all(own.map(async (name) => [name, await stores[name]?.()] as const));
    return {
      ...{ log, ledger: its, fanout: out, tasks, close },
      stores: Object.fromEntries(open) as Adapters["stores"],
      health: () => together(opened.flatMap((each) => each.health?.() ?? [])),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opened when it is first asked for, and once. */
function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opening: Promise<T> | undefined;
  return () => (opening ??= open());
}

/** An engine that no module of the process works with: whoever uses it all the same has not said so in their module's `uses`. */
const unopened = <T extends object>(name: Engine): T =>
  new Proxy({} as T, {
    get(_target, property) {
      // Asked of whatever is awaited.
      if (property === "then") return undefined;
      throw new Error(`${name}.${String(property)}: no module of this process says that it uses the ${name}`);
    },
  });
