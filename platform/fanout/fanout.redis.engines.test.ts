import { Registry } from "prom-client";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { openRedis, openWire, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { type RedisFanoutNeeds, redisFanout } from "./fanout.redis.ts";
import { fanoutSuite } from "./fanout.suite.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000 };

const bytes = (text: string) => new TextEncoder().encode(text);
const never = () => {
  throw new Error("nothing was missed");
};

async function opened(prefix: string, more: Partial<RedisFanoutNeeds> = {}) {
  const fanout = await redisFanout({
    ...{
      publisher: await openRedis(),
      subscriber: await openRedis({ name: "fan-out" }),
      prefix,
      metrics: new Registry(),
      clock: systemClock,
    },
    ...more,
  });
  onTestFinished(() => fanout.close());
  return fanout;
}

fanoutSuite("over Redis", async () => {
  const prefix = ownPrefix(await openRedis());
  return { here: await opened(prefix), there: await opened(prefix) };
});

describe("fan-out over Redis", () => {
  it("after a lost connection listens again, and tells each listener once that something may be missed", async () => {
    const prefix = ownPrefix(await openRedis());
    const wire = await openWire();
    const here = await opened(prefix);
    const metrics = new Registry();
    const there = await opened(prefix, { subscriber: await openRedis({ url: wire.url, name: "fan-out" }), metrics });
    const heard: string[] = [];
    const missed = [vi.fn(), vi.fn()] as const;
    const hear = (message: Uint8Array) => void heard.push(new TextDecoder().decode(message));
    await there.subscribe("a", hear, missed[0]);
    const ended = await there.subscribe("gone", never, never);
    await there.subscribe("b", hear, missed[1]);
    ended.end();
    await wire.refuse();
    await vi.waitFor(() => expect(there.health().ok).toBe(false), soon);
    here.publish("a", bytes("lost"));
    await expect(there.subscribe("c", hear, never)).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await expect(there.subscribe("a", hear, never)).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await wire.accept();
    await vi.waitFor(() => expect(missed[1]).toHaveBeenCalled(), soon);
    expect(there.health()).toEqual({ ok: true, why: [] });
    for (const each of ["a", "b", "gone", "c"]) here.publish(each, bytes(each));
    await vi.waitFor(() => expect(heard).toEqual(["a", "b"]), soon);
    expect(missed.map((each) => each.mock.calls.length)).toEqual([1, 1]);
    expect(await metrics.metrics()).toContain("carillon_fanout_missed_total 1");
  });

  it("loses nothing unnoticed: whoever reads when told has everything, however often the wire is cut", async () => {
    const prefix = ownPrefix(await openRedis());
    const wire = await openWire();
    const here = await opened(prefix);
    const there = await opened(prefix, { subscriber: await openRedis({ url: wire.url, name: "fan-out" }) });
    // The store behind it, and what a listener knows of it: a message that does not follow on is a reason to read.
    const stored: number[] = [];
    const known = new Set<number>();
    const read = () => {
      for (const each of stored) known.add(each);
    };
    await there.subscribe("a", (message) => known.add(new DataView(message.buffer, message.byteOffset).getUint32(0)), read);
    for (let number = 0; number < 600; number++) {
      stored.push(number);
      const message = new Uint8Array(4);
      new DataView(message.buffer).setUint32(0, number);
      here.publish("a", message);
      if (number % 100 === 50) wire.cut();
      await systemClock.sleep(1);
    }
    await vi.waitFor(() => expect(known.size).toBe(600), soon);
  });

  it("whose publisher could not publish tells who listens elsewhere, once it can", async () => {
    const prefix = ownPrefix(await openRedis());
    const wire = await openWire();
    const metrics = new Registry();
    const here = await opened(prefix, { publisher: await openRedis({ url: wire.url }), metrics });
    const there = await opened(prefix);
    const missed = vi.fn();
    await there.subscribe("a", never, missed);
    await wire.refuse();
    here.publish("a", bytes("lost"));
    await vi.waitFor(async () => expect(await metrics.metrics()).toContain("carillon_fanout_unpublished_total 1"), soon);
    expect(missed).not.toHaveBeenCalled();
    await wire.accept();
    await vi.waitFor(() => expect(missed).toHaveBeenCalledTimes(1), soon);
  });

  it("notices a server that says nothing any more", async () => {
    const prefix = ownPrefix(await openRedis());
    const wire = await openWire();
    const clock = fakeClock();
    const subscriber = await openRedis({ url: wire.url, name: "fan-out", commandTimeoutMs: 200 });
    const there = await opened(prefix, { subscriber, clock });
    const missed = vi.fn();
    await there.subscribe("a", never, missed);
    wire.hold();
    await clock.advance(5_000);
    await vi.waitFor(() => expect(there.health().ok).toBe(false), soon);
    wire.release();
    await vi.waitFor(() => expect(missed).toHaveBeenCalledTimes(1), soon);
  });

  it("tells many listeners a few at a time", async () => {
    const prefix = ownPrefix(await openRedis());
    const wire = await openWire();
    const clock = fakeClock();
    const there = await opened(prefix, { subscriber: await openRedis({ url: wire.url, name: "fan-out" }), clock });
    let told = 0;
    await Promise.all(Array.from({ length: 450 }, (_, place) => there.subscribe(`c${place % 300}`, never, () => void told++)));
    wire.cut();
    await vi.waitFor(() => expect(told).toBe(200), soon);
    await clock.advance(50);
    expect(told).toBe(400);
    await clock.advance(50);
    expect(told).toBe(450);
  });
});
