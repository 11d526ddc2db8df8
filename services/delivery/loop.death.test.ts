import { describe, expect, it, vi } from "vitest";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";

const { SENT, FAILED, DEAD, EXPIRED, DEFERRED } = DeliveryStatus;
const { here, run, put, deliveryOf, events, statuses, until, scheduled, letters, pass } = deliveries();

/** Long before the next worker tells of it. */
const ENDED_MS = 1_000;

describe("when a worker dies", () => {
  const send = (id: string) => ({
    ...{ environment: "development", notificationId: `n-${id}`, deliveryId: id, cycle: 1 },
    target: `${id}@example.test`,
  });
  const leased = (id: string) => here.ledger.intend([{ ...send(id), attempt: 0, wait: 0, worker: "dead", leaseMs: 17_000 }]);
  const settle = (id: string, state: Parameters<Ledger["settle"]>[0][number]["state"]) =>
    here.ledger.settle([{ ...send(id), worker: "dead", state, atMs: ENDED_MS }]);

  it("in the middle of a send, the next one waits for the lease once and sends again", async () => {
    await leased("a");
    await run();
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "lease_held", 0]]);
    expect((await scheduled()).map(({ dueAtMs }) => Number(dueAtMs) - here.at.clock.nowMs())).toEqual([17_000]);
    expect(here.server.received).toBe(0);
    await pass(17_000);
    await until("a", SENT);
    expect((await events("a")).at(-1)?.reason).toBe("send_unresolved");
    expect(here.server.received).toBe(1);
  });

  it.each([
    ["sent", SENT, "accepted_by_provider", 1],
    ["failed", FAILED, "refused_by_provider", 1],
    ["expired", EXPIRED, "expired", 0],
  ] as const)(
    "after it settled as %s and before that was told, the next one tells it and sends nothing",
    async (state, status, reason, attempt) => {
      await leased("a");
      await settle("a", state);
      await run();
      await put(deliveryOf("a"));
      await until("a", status);
      expect(await statuses("a")).toEqual([[status, reason, attempt]]);
      expect((await events("a")).at(-1)?.atMs).toBe(BigInt(ENDED_MS));
      expect(here.server.received).toBe(0);
    },
  );

  it("after it settled as dead and before that was told, the next one keeps the dead letter", async () => {
    await leased("a");
    await settle("a", "dead");
    await run();
    await put(deliveryOf("a"));
    await until("a", DEAD);
    expect(await letters()).toHaveLength(1);
  });

  it.each([
    ["a retry", { attempt: 1, wait: 0 }, "temporarily_refused", 1],
    ["an outage", { attempt: 0, wait: 1 }, "provider_unavailable", 0],
  ] as const)(
    "after it released for %s and before the next record was kept, the next one makes it",
    async (_what, released, reason, attempt) => {
      await leased("a");
      await settle("a", { released });
      await run();
      await put(deliveryOf("a"));
      await until("a", DEFERRED);
      expect(await statuses("a")).toEqual([[DEFERRED, reason, attempt]]);
      await pass(5_000);
      await until("a", SENT);
      expect(here.server.received).toBe(1);
    },
  );

  it("the ids and times of what is told again are those of the first time", async () => {
    here.server.message = () => ({ code: 451 });
    await run();
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    await here.at.clock.advance(1_000);
    await put(deliveryOf("a"));
    await until("a", DEFERRED, 2);
    const distinct = (all: readonly (readonly unknown[])[]) => new Set(all.map(String)).size;
    expect(distinct((await events("a")).map(({ eventId, atMs, dueAtMs }) => [eventId, atMs, dueAtMs]))).toBe(1);
    expect(distinct((await scheduled()).map(({ id, dueAtMs }) => [id, dueAtMs]))).toBe(1);
  });
});

it.each([
  ["at once", 3],
  ["for minutes, long past its lease", 60],
])("an outcome that the ledger does not take %s is told again, and the mail is sent once", async (_long, times) => {
  let failures = times;
  const flaky: Ledger = {
    ...here.ledger,
    settle: (results) => (failures-- > 0 ? Promise.reject(new Error("not now")) : here.ledger.settle(results)),
  };
  const stage = await run({ ledger: flaky });
  await put(deliveryOf("a"));
  await vi.waitFor(() => expect(failures).toBeLessThan(times), 5_000);
  const told = async () => {
    expect(stage.health()).toEqual({ ok: true });
    await here.at.clock.advance(4_000);
    expect(await statuses("a")).toEqual([[SENT, "accepted_by_provider", 1]]);
  };
  await vi.waitFor(told, { timeout: 10_000, interval: 5 });
  expect(failures).toBeLessThan(0);
  expect(here.server.received).toBe(1);
});
