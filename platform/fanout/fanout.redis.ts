/**
 * Fan-out between processes, over Redis Pub/Sub: one connection that publishes, which may serve for other things too, and one that only
 * listens.
 *
 * Redis keeps nothing for who is away. So after the listening connection was made again every listener is told that something may be
 * missed, and a publisher that could not publish tells so all who listen anywhere, once it can. They are told a few at a time: each is
 * going to read.
 */
import type { Registry } from "prom-client";
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { redisProblem } from "#platform/redis/errors.ts";
import { runScripts, script } from "#platform/redis/script.ts";
import type { Readiness } from "#platform/telemetry/health.ts";
import { counter } from "#platform/telemetry/metric.ts";
import type { Fanout } from "./fanout.ts";

export interface RedisFanoutNeeds {
  readonly publisher: RedisConnection;
  /** Of the same server; used for nothing else. */
  readonly subscriber: RedisConnection;
  /** Before every channel: Pub/Sub knows no databases. */
  readonly prefix?: string;
  readonly metrics: Registry;
  readonly clock: Clock;
}

export interface RedisFanout extends Fanout {
  health(): Readiness;
  /** Stops listening for signs of life; the connections are their owner's to close. */
  close(): void;
}

interface Listener {
  readonly hear: (message: Uint8Array) => void;
  readonly missed: () => void;
}

interface Channel {
  readonly listeners: Set<Listener>;
  readonly confirmed: Promise<unknown>;
}

/** A connection that only listens does not notice by itself that nobody is there any more. */
const HEARTBEAT_MS = 5_000;
const SUBSCRIBED_AT_ONCE = 1_000;
/** A message may have some kilobytes. */
const PUBLISHED_AT_ONCE = 250;
/** 20,000 listeners are told within 5 s. */
const TOLD_AT_ONCE = 200;
const TOLD_EVERY_MS = 50;
const NOTHING = Buffer.alloc(0);
const publishAll = script(new URL("./publish.lua", import.meta.url));
/** The client takes no bytes but Buffers. */
const sendable = (each: string | Uint8Array) =>
  typeof each === "string" ? each : Buffer.from(each.buffer, each.byteOffset, each.byteLength);

const unpublished = counter({
  name: "carillon_fanout_unpublished_total",
  help: "Messages that did not get out; their listeners are told to read instead.",
  labels: {},
});
const misses = counter({
  name: "carillon_fanout_missed_total",
  help: "Times that this process' listeners were told that messages may have been missed.",
  labels: {},
});

export async function redisFanout(needs: RedisFanoutNeeds): Promise<RedisFanout> {
  const { publisher, subscriber, prefix = "carillon:", metrics, clock } = needs;
  const lost = unpublished.on(metrics);
  const missed = misses.on(metrics);
  const nameOf = (channel: string) => `${prefix}fanout:${channel}`;
  /** No channel of a caller's: theirs have a name. */
  const missedChannel = nameOf("");
  const channels = new Map<string, Channel>();
  const ended = new AbortController();
  let isListening = true;
  let isOwing = false;

  const tellMissed = async (): Promise<void> => {
    missed.inc();
    const told = [...channels.values()].flatMap(({ listeners }) => [...listeners].map((listener) => ({ listener, listeners })));
    for (const [place, { listener, listeners }] of told.entries()) {
      if (place > 0 && place % TOLD_AT_ONCE === 0) await clock.sleep(TOLD_EVERY_MS, ended.signal);
      if (listeners.has(listener)) listener.missed();
    }
  };

  const listenAgain = async (): Promise<void> => {
    const names = [missedChannel, ...channels.keys()];
    for (let from = 0; from < names.length; from += SUBSCRIBED_AT_ONCE)
      await subscriber.redis.subscribe(...names.slice(from, from + SUBSCRIBED_AT_ONCE));
    isListening = true;
    await tellMissed();
  };

  const beat = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await clock.sleep(HEARTBEAT_MS, ended.signal);
      // Without an answer the connection ends, by the deadline of its commands, and is made again.
      if (!ended.signal.aborted) await subscriber.redis.ping().catch(() => undefined);
    }
  };

  /** What is published in one turn of the event loop goes out together: channel, message, channel, message, … */
  let gathered: (string | Uint8Array)[] = [];
  const send = (name: string, message: Uint8Array) => {
    if (gathered.length === 0) process.nextTick(flush);
    gathered.push(name, message);
  };
  const flush = () => {
    const all = gathered;
    gathered = [];
    for (let from = 0; from < all.length; from += 2 * PUBLISHED_AT_ONCE) {
      const args = all.slice(from, from + 2 * PUBLISHED_AT_ONCE);
      runScripts(publisher.redis, [{ script: publishAll, keys: [], args: args.map(sendable) }]).catch(() => {
        isOwing = true;
        lost.inc({}, args.length / 2);
      });
    }
  };

  subscriber.redis.on("messageBuffer", (name: Buffer, message: Buffer) => {
    const channel = name.toString();
    if (channel === missedChannel) void tellMissed();
    else for (const { hear } of channels.get(channel)?.listeners ?? []) hear(new Uint8Array(message));
  });
  subscriber.onLost(() => {
    isListening = false;
  });
  subscriber.onReturn(() => {
    listenAgain().catch(() => subscriber.redis.disconnect(true));
  });
  publisher.onReturn(() => {
    if (!isOwing) return;
    isOwing = false;
    send(missedChannel, NOTHING);
  });
  await subscriber.redis.subscribe(missedChannel).catch((error) => {
    throw redisProblem(error);
  });
  void beat();

  return {
    publish: (channel, message) => send(nameOf(channel), message),
    async subscribe(channel, hear, missed) {
      if (!isListening) throw new Problem("STORE_UNAVAILABLE", { retryAfterMs: 1_000 });
      const name = nameOf(channel);
      const there = channels.get(name) ?? { listeners: new Set(), confirmed: subscriber.redis.subscribe(name) };
      const listener = { hear, missed };
      there.listeners.add(listener);
      channels.set(name, there);
      const end = () => {
        if (!there.listeners.delete(listener) || there.listeners.size > 0) return;
        channels.delete(name);
        subscriber.redis.unsubscribe(name).catch(() => undefined);
      };
      try {
        await there.confirmed;
      } catch (error) {
        end();
        throw redisProblem(error);
      }
      return { end };
    },
    health: () => (isListening ? subscriber.health() : { ok: false, why: ["Redis (fan-out) is being subscribed to again"] }),
    close: () => ended.abort(),
  };
}
