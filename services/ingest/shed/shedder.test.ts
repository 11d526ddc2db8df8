import { createContextValues, type HandlerContext } from "@connectrpc/connect";
import fc from "fast-check";
import { Registry } from "prom-client";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { principalKey } from "#platform/rpc/call.ts";
import { type Load, loadKey } from "#platform/rpc/shed.ts";
import { type FakeClock, fakeClock } from "../../../test/fakes/clock.ts";
import { SendShedder, type Work } from "./shedder.ts";

const MIB = 1_024 * 1_024;
const MOST = 8 * MIB;
/** More than may be on its way into the log beside anything else. */
const ALL_OF_THE_LOG = 2 * MIB;

const noLag = { mostLag: 0, lag: async () => 0 };

let clock: FakeClock;
let metrics: Registry;
let shedder: SendShedder;
let ids: number;
beforeEach(() => {
  clock = fakeClock();
  metrics = new Registry();
  shedder = new SendShedder({ clock, metrics, mostBytes: MOST, ...noLag });
  ids = 0;
});

const arrive = (environment: string, bytes = 0, key = environment): Load => {
  const load = shedder.enter({ headers: new Headers({ authorization: `Bearer ${key}` }), requestId: `request-${ids++}` });
  if (bytes > 0) load.hold(bytes);
  load.of(environment);
  return load;
};
const workOf = (environment: string, load?: Load, signal = new AbortController().signal): Work => {
  const values = createContextValues().set(principalKey, { environment, internal: false, scopes: [] }).set(loadKey, load);
  return shedder.work({ values, signal } as HandlerContext);
};
/** Asks for a turn, and notes how that goes. */
function asks(tenant: string, { cost = 1_000, environment = "shop", load, signal }: Partial<Asked> = {}) {
  const work = workOf(environment, load, signal);
  const asked = { work, load, is: "waits" as string, problem: undefined as Problem | undefined, ended: () => {} };
  work.turn(tenant, cost).then(
    (ended) => Object.assign(asked, { is: "goes", ended }),
    (problem) => Object.assign(asked, { is: problem instanceof Problem ? problem.reason : "gone", problem }),
  );
  return asked;
}
interface Asked {
  readonly cost: number;
  readonly environment: string;
  readonly load: Load;
  readonly signal: AbortSignal;
}
/** Lets a few turns of the event loop pass. */
const settle = () => clock.advance(0);
const counted = async () =>
  ((await metrics.getSingleMetric("carillon_ingest_shed_total")?.get())?.values ?? []).map(({ labels, value }) => [
    labels.environment,
    labels.reason,
    value,
  ]);
/** Somebody whose append keeps everybody waiting until it has ended. */
const keepWaiting = async () => {
  const first = asks("first", { environment: "other", cost: ALL_OF_THE_LOG });
  await settle();
  expect(first.is).toBe("goes");
  return first;
};

describe("while there is room", () => {
  it("nobody is limited, however much one alone takes", async () => {
    const all = Array.from({ length: 300 }, () => asks("noisy", { load: arrive("shop", 1_000) }));
    await vi.waitFor(() => expect(new Set(all.map(({ is }) => is))).toEqual(new Set(["goes"])));
    expect(await counted()).toEqual([]);
  });
});

describe("turns", () => {
  it("are given some per turn of the event loop, and wait while too much is on its way into the log", async () => {
    const first = await keepWaiting();
    const second = asks("x");
    await settle();
    expect(second.is).toBe("waits");
    first.ended();
    await settle();
    expect(second.is).toBe("goes");
  });

  it("come to one who asks for little before those who ask for much, by tenant and by environment", async () => {
    const first = await keepWaiting();
    const noisy = Array.from({ length: 20 }, () => asks("noisy", { cost: ALL_OF_THE_LOG }));
    const [sameEnvironment, otherEnvironment] = [asks("quiet"), asks("", { environment: "another" })];
    first.ended();
    await settle();
    const went = noisy.filter(({ is }) => is === "goes");
    expect([went.length <= 1, noisy.filter(({ is }) => is === "waits").length >= 19]).toEqual([true, true]);
    for (const each of went) each.ended();
    await settle();
    expect([sameEnvironment.is, otherEnvironment.is]).toEqual(["goes", "goes"]);
  });

  it("that do not come within a second are refused, with a time to come again that differs from call to call and not by chance", async () => {
    await keepWaiting();
    const waiting = [0, 1, 2].map((one) => asks("x", { load: arrive("shop", 100 + one) }));
    await clock.advance(900);
    expect(waiting.map(({ is }) => is)).toEqual(["waits", "waits", "waits"]);
    await clock.advance(200);
    expect(waiting.map(({ is }) => is)).toEqual(["OVERLOADED", "OVERLOADED", "OVERLOADED"]);
    const times = waiting.map(({ problem }) => problem?.retryAfterMs as number);
    expect(new Set(times).size).toBe(3);
    for (const each of times) expect(each).toSatisfy((ms: number) => ms >= 1_000 && ms < 5_000);
    expect(await counted()).toEqual([["shop", "wait", 3]]);
  });

  it("of what has begun are waited for as long as it takes", async () => {
    const batch = asks("x", { cost: ALL_OF_THE_LOG });
    await settle();
    let next = "waits";
    void batch.work.turn("x", 1_000).then(() => {
      next = "goes";
    });
    await clock.advance(60_000);
    expect(next).toBe("waits");
    batch.ended();
    await settle();
    expect(next).toBe("goes");
  });

  it("are not given to who has left, nor to what nobody waits for any more", async () => {
    const first = await keepWaiting();
    const leaving = new AbortController();
    const [left, behind] = [asks("x", { signal: leaving.signal }), asks("x")];
    leaving.abort(new Error("the caller went away"));
    first.ended();
    await settle();
    expect([left.is, behind.is]).toEqual(["gone", "goes"]);
  });
});

it("where the router does not keep up, whoever sends much waits for room, and whoever sends little goes on", async () => {
  shedder = new SendShedder({ clock, metrics: new Registry(), mostBytes: MOST, mostLag: 10, lag: async () => 1_000 });
  answered(asks("noisy", { cost: 100_000 }));
  await clock.advance(1_000);
  const noisy = Array.from({ length: 50 }, () => asks("noisy", { cost: 100_000 }));
  for (let sends = 0; sends < 10; sends++) {
    const quiet = asks("quiet");
    for (let waited = 0; quiet.is === "waits" && waited < 1_000; waited += 100) await clock.advance(100);
    expect(quiet.is).toBe("goes");
    answered(quiet);
    for (const each of noisy) if (each.is === "goes") answered(each);
    await clock.advance(100);
  }
  expect(noisy.filter(({ is }) => is === "OVERLOADED").length).toBeGreaterThan(25);
});

describe("memory", () => {
  it("is what bodies hold from their first byte until the answer, and what is made of a call has ended", async () => {
    const load = arrive("shop", 5 * MIB);
    const asked = asks("x", { load });
    await settle();
    load.leave();
    expect(() => arrive("shop", 4 * MIB)).toThrow("of what it takes this sender has its share");
    asked.work.leave();
    expect(() => arrive("shop", 4 * MIB)).not.toThrow();
  });

  it("is given up by whoever holds most: the newest of their calls, which has left nothing behind", async () => {
    await keepWaiting();
    const noisy = [1, 2, 3].map(() => asks("noisy", { load: arrive("shop", 2.5 * MIB) }));
    const quiet = asks("quiet", { load: arrive("shop", 1 * MIB) });
    await settle();
    expect([...noisy.map(({ is }) => is), quiet.is]).toEqual(["waits", "waits", "OVERLOADED", "waits"]);
    expect(await counted()).toEqual([["shop", "memory", 1]]);
  });

  it("of a body that is still on its way is given up too, and whoever reads it is told once", () => {
    const why: unknown[] = [];
    const slow = [1, 2, 3, 4].map(() => arrive("noisy", 1.9 * MIB));
    for (const load of slow) load.onShed((reason) => why.push(reason));
    arrive("quiet", 1 * MIB);
    expect(why).toEqual([expect.objectContaining({ reason: "OVERLOADED" })]);
    const [out] = slow.filter((load) => isShed(load));
    expect(() => out?.hold(1)).toThrow(Problem);
  });

  it("is a key's own before it has been looked up, so that strangers crowd out nobody", async () => {
    for (let each = 0; each < 20; each++) {
      const stranger = shedder.enter({ headers: new Headers({ authorization: "Bearer stranger" }), requestId: `${each}` });
      for (let chunk = 0; chunk < 10 && !isShed(stranger); chunk++) tryHold(stranger, 100_000);
    }
    expect(() => arrive("shop", 100_000)).not.toThrow();
    expect((await counted()).map(([environment, reason]) => [environment, reason])).toEqual([["(unknown)", "memory"]]);
  });

  it("that has begun to be worked on is not taken away, and is at most half of it and one call more", async () => {
    const all = Array.from({ length: 7 }, () => asks("x", { load: arrive("shop", MIB), cost: 10 }));
    await settle();
    expect(all.map(({ is }) => is)).toEqual([...Array(4).fill("goes"), ...Array(3).fill("waits")]);
    answered(all[0] as (typeof all)[0]);
    await settle();
    expect(all.map(({ is }) => is)).toEqual([...Array(5).fill("goes"), "waits", "waits"]);
  });
});

const isShed = (load: Load) => !tryHold(load, 0);
const tryHold = (load: Load, bytes: number): boolean => {
  try {
    load.hold(bytes);
    return true;
  } catch {
    return false;
  }
};

function end(asked: ReturnType<typeof asks>, among: Set<ReturnType<typeof asks>>): void {
  answered(asked);
  among.delete(asked);
}

function answered({ ended, work, load }: ReturnType<typeof asks>): void {
  ended();
  work.leave();
  load?.leave();
}

it("an environment that asks for less than its share is served whatever the others do: none of its calls is refused", async () => {
  const step = fc.record({
    who: fc.constantFrom("noisy-1", "noisy-2"),
    bytes: fc.integer({ min: 1_000, max: 4 * MIB }),
    ends: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      clock = fakeClock();
      shedder = new SendShedder({ clock, metrics: new Registry(), mostBytes: MOST, ...noLag });
      const under = new Set<ReturnType<typeof asks>>();
      for (const { who, bytes, ends } of steps) {
        try {
          under.add(asks("t", { environment: who, load: arrive(who, bytes), cost: bytes }));
        } catch {}
        const quiet = asks("", { environment: "quiet", load: arrive("quiet", 1_000), cost: 1_000 });
        await settle();
        // Whoever came before and asked for as little may go before it, and what has begun is waited for.
        for (let round = 0; round < 2 && (ends || quiet.is === "waits"); round++) {
          for (const each of under) if (each.is === "goes") end(each, under);
          await settle();
        }
        expect(quiet.is).toBe("goes");
        answered(quiet);
      }
    }),
    { numRuns: 50 },
  );
});
