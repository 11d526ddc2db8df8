import { pino } from "pino";
import { expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { memoryBreakers } from "#platform/limits/breaker.memory.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { breakerOf, noBreaker, watching } from "./breaker.ts";

function open(workers = 1) {
  const clock = fakeClock();
  const store = memoryBreakers({ clock });
  const breakers = { read: vi.fn(store.read), probe: vi.fn(store.probe), report: vi.fn(store.report) };
  const changes: string[] = [];
  const all = Array.from({ length: workers }, (_, at) =>
    breakerOf({
      ...{ breakers, integration: "smtp", holder: `w-${at}`, clock, logger: pino({ level: "silent" }) },
      changed: (is) => changes.push(`w-${at} ${is}`),
      known: () => undefined,
    }),
  );
  const [breaker, other] = all as [(typeof all)[0], (typeof all)[0]];
  const fail = async (times: number, by = breaker) => {
    for (let time = 0; time < times; time++) {
      by.met("failure", (await by.admit()) as number);
      await clock.advance(0);
    }
  };
  return { clock, breakers, changes, all, breaker, other, fail };
}

it("a provider that serves costs no call", async () => {
  const { clock, breaker, breakers } = open();
  for (let send = 0; send < 100; send++) breaker.met("success", breaker.admit() as number);
  await clock.advance(0);
  for (const verb of Object.values(breakers)) expect(verb).not.toHaveBeenCalled();
  expect(breaker.mayTry()).toBe(true);
});

it("one success ends a row of failures, and is told once", async () => {
  const { clock, breaker, breakers, fail, changes } = open();
  await fail(4);
  for (let send = 0; send < 10; send++) breaker.met("success", 0);
  await clock.advance(0);
  expect(breakers.report.mock.calls.filter(([{ is }]) => is === "success")).toHaveLength(1);
  await fail(4);
  expect(changes).toEqual([]);
  await fail(1);
  expect(changes).toEqual(["w-0 opened"]);
});

it("other processes know within a second, and the change is told by the one that made it", async () => {
  const { clock, breakers, all, breaker, other, fail, changes } = open(2);
  const stop = new AbortController();
  void watching(breakers, [other], clock).run(stop.signal);
  await fail(5);
  expect(breaker.mayTry()).toBe(false);
  expect(other.mayTry()).toBe(true);
  await clock.advance(1_000);
  expect(other.mayTry()).toBe(false);
  expect(other.admit()).toBe(undefined);
  expect(changes).toEqual(["w-0 opened"]);
  expect(all).toHaveLength(2);
  stop.abort();
});

it("after a minute one process probes while the others pass by, and three successes close it for all", async () => {
  const { clock, breaker, other, fail, changes, breakers } = open(2);
  await fail(5);
  other.learn((await breakers.read(["smtp"]))[0] as never);
  await clock.advance(59_999);
  expect([breaker.mayTry(), other.mayTry()]).toEqual([false, false]);
  await clock.advance(1);
  expect([breaker.mayTry(), breaker.mayTry()]).toEqual([true, false]);
  const generation = await breaker.admit();
  expect(generation).toBe(2);
  expect(await other.admit()).toBe(undefined);
  for (let success = 1; success <= 3; success++) {
    const probe = success === 1 ? generation : await breaker.admit();
    breaker.met("success", probe as number);
    await clock.advance(0);
    expect(breaker.mayTry()).toBe(true);
  }
  expect(changes).toEqual(["w-0 opened", "w-0 closed"]);
});

it("one probe that came to nothing lets another try a second later", async () => {
  const { clock, breaker, fail } = open();
  await fail(5);
  await clock.advance(60_000);
  expect([breaker.mayTry(), breaker.mayTry()]).toEqual([true, false]);
  await clock.advance(1_000);
  expect(breaker.mayTry()).toBe(true);
});

it("while the breakers cannot be reached what is known stays, and nobody fails for it", async () => {
  const { clock, breaker, breakers, fail } = open();
  await fail(5);
  const away = () => Promise.reject(new Problem("STORE_UNAVAILABLE"));
  for (const verb of Object.values(breakers)) verb.mockImplementation(away);
  const stop = new AbortController();
  void watching(breakers, [breaker], clock).run(stop.signal);
  await clock.advance(5_000);
  expect(breaker.mayTry()).toBe(false);
  breaker.met("failure", 1);
  await clock.advance(60_000);
  expect(breaker.mayTry()).toBe(true);
  expect(await breaker.admit()).toBe(undefined);
  stop.abort();
});

it("what the store has forgotten is closed again, at the latest with the next probe", async () => {
  const { clock, breaker, fail, breakers } = open();
  await fail(5);
  const fresh = memoryBreakers({ clock });
  breakers.probe.mockImplementation(fresh.probe);
  await clock.advance(60_000);
  expect(await breaker.admit()).toBe(0);
  expect(breaker.mayTry()).toBe(true);
});

it("without a provider behind it there is none", () => {
  const breaker = noBreaker("mailbox");
  breaker.met("failure", 0);
  expect([breaker.integration, breaker.mayTry(), breaker.admit()]).toEqual(["mailbox", true, 0]);
});
