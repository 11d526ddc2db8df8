import { describe, expect, it, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { partitionOf } from "#platform/log/partition.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";
import type { Answer } from "../../test/fakes/smtp.ts";
import type { Route } from "./integration.ts";

const { SENT, FAILED, DEFERRED, EXPIRED } = DeliveryStatus;
const { here, run, integration, put, deliveryOf, events, statuses, until, scheduled, pass } = deliveries();

/** As many as the sender of these tests is wide. */
const WIDTH = 5;

/** Answers to the mails of these that come when the test says so; others are taken at once. */
function slow(...ids: string[]) {
  const open = new Map<string, (answer: Answer) => void>();
  here.server.message = (address) => {
    const id = address.slice(0, address.indexOf("@"));
    return ids.includes(id) ? new Promise((resolve) => open.set(id, resolve)) : undefined;
  };
  return {
    /** The server has the whole mails of all of these. */
    handedOver: () => vi.waitFor(() => expect([...open.keys()].sort()).toEqual([...ids].sort()), 5_000),
    answer(id: string, answer?: Answer) {
      open.get(id)?.(answer);
    },
  };
}
const send = (id: string) => ({
  ...{ environment: "development", notificationId: `n-${id}`, deliveryId: id, cycle: 1 },
  target: `${id}@example.test`,
});
const intendAs = async (worker: string, id: string) =>
  (await here.ledger.intend([{ ...send(id), reaches: [], acceptedAtMs: 1_000, attempt: 0, wait: 0, worker, leaseMs: 17_000 }]))[0];
const overdue = () => here.at.metric("carillon_sends_overdue");

describe("a mail that was handed over", () => {
  it("is answered after minutes: it was sent once, by one attempt", async () => {
    const server = slow("a");
    await run();
    await put(deliveryOf("a"));
    await server.handedOver();
    await here.at.clock.advance(280_000);
    expect(await events("a")).toEqual([]);
    expect(await overdue()).toEqual({ "email smtp": 1 });
    server.answer("a");
    await until("a", SENT);
    expect(await statuses("a")).toEqual([[SENT, "accepted_by_provider", 1]]);
    expect(here.server.received).toBe(1);
    expect(await overdue()).toEqual({ "email smtp": 0 });
  });

  it.each([
    [{ code: 550, text: "5.7.1 Spam" }, FAILED, "refused_by_provider", 1],
    [{ code: 451, text: "4.7.1 Greylisted" }, DEFERRED, "temporarily_refused", 1],
    [{ code: 451, text: "4.7.500 Server busy" }, DEFERRED, "provider_unavailable", 0],
    [{ code: 421, text: "4.3.2 Closing" }, DEFERRED, "provider_unavailable", 0],
    ["drop", DEFERRED, "outcome_unknown", 1],
  ] as const)("and refused late (%j) is treated as if it had been at once", async (answer, status, reason, attempt) => {
    const server = slow("a");
    await run();
    await put(deliveryOf("a"));
    await server.handedOver();
    await here.at.clock.advance(60_000);
    server.answer("a", answer);
    await until("a", status);
    expect(await statuses("a")).toEqual([[status, reason, attempt]]);
  });

  it.each([
    ["forward", 3_600_000],
    ["back", -3_600_000],
  ])("is waited for as long when the clock is set %s meanwhile", async (_which, byMs) => {
    const server = slow("a");
    await run();
    await put(deliveryOf("a"));
    await server.handedOver();
    here.at.clock.set(byMs);
    await here.at.clock.advance(280_000);
    expect(await events("a")).toEqual([]);
    server.answer("a");
    await until("a", SENT);
    expect(here.server.received).toBe(1);
  });

  it("keeps its lease meanwhile, so that nobody else sends it", async () => {
    const server = slow("a");
    await run();
    await put(deliveryOf("a"));
    await server.handedOver();
    for (let second = 0; second < 250; second++) {
      await here.at.clock.advance(1_000);
      expect((await intendAs("w-2", "a"))?.is).toBe("leased");
    }
    await put(deliveryOf("a"));
    server.answer("a");
    await until("a", SENT, 2);
    expect(here.server.received).toBe(1);
  });

  it("and never answered is unknown after five minutes, and sent again when its lease is over", async () => {
    const server = slow("a");
    await run();
    await put(deliveryOf("a"));
    await server.handedOver();
    // It may be handed over for 12 s, and the answer begins to take long when they are over.
    await here.at.clock.advance(12_000 + 299_999);
    expect(await events("a")).toEqual([]);
    await here.at.clock.advance(1);
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "outcome_unknown", 1]]);
    here.server.message = () => undefined;
    const waitMs = Number((await scheduled())[0]?.dueAtMs) - here.at.clock.nowMs();
    expect(waitMs).toBeLessThanOrEqual(17_000);
    await pass(waitMs - 1);
    expect(here.server.received).toBe(1);
    await pass(1);
    await until("a", SENT);
    expect((await events("a")).at(-1)).toMatchObject({ reason: "send_unresolved", attempt: 2 });
  });

  it("whose lease somebody else holds by now is theirs: it is unknown, and what they did stays", async () => {
    const server = slow("a");
    let lost = false;
    await run({
      ledger: { ...here.ledger, extend: async (leases) => (lost ? leases.map(() => "lost" as const) : here.ledger.extend(leases)) },
    });
    await put(deliveryOf("a"));
    await server.handedOver();
    await here.at.clock.advance(20_000);
    lost = true;
    // The clock of the other one is ahead, as after a standstill of this process.
    here.at.clock.set(17_000);
    expect((await intendAs("w-2", "a"))?.is).toBe("unknown");
    await here.at.clock.advance(5_000);
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "outcome_unknown", 1]]);
    expect((await intendAs("w-3", "a"))?.is).toBe("leased");
    await here.ledger.settle([{ ...send("a"), worker: "w-2", state: "failed", atMs: here.at.clock.nowMs() }]);
    await pass(17_000);
    await until("a", FAILED);
    expect(here.server.received).toBe(1);
  });

  it("waits on while the ledger does not answer, and keeps its lease when it does again in time", async () => {
    const server = slow("a");
    let failing = true;
    const extend: Ledger["extend"] = (leases) => (failing ? Promise.reject(new Error("not now")) : here.ledger.extend(leases));
    await run({ ledger: { ...here.ledger, extend } });
    await put(deliveryOf("a"));
    await server.handedOver();
    await here.at.clock.advance(15_000);
    failing = false;
    await here.at.clock.advance(5_000);
    expect((await intendAs("w-2", "a"))?.is).toBe("leased");
    failing = true;
    await here.at.clock.advance(60_000);
    server.answer("a");
    await until("a", SENT);
  });
});

describe("while handing over takes long", () => {
  const stuck = Array.from({ length: WIDTH }, (_, index) => `s${index}`);
  const next = Array.from({ length: WIDTH }, (_, index) => `n${index}`);
  /** The server does not answer at RCPT to as many as may be with it; as many again have leases and wait for their turn. */
  async function crowded(ledger: Ledger = here.ledger, more: Parameters<typeof deliveryOf>[1] = {}) {
    const asked: string[] = [];
    here.server.recipient = (address) => {
      asked.push(address);
      return address.startsWith("s") ? "hang" : undefined;
    };
    let leased = 0;
    const intend: Ledger["intend"] = async (tries) => {
      const intents = await ledger.intend(tries);
      leased += intents.length;
      return intents;
    };
    // As many as are stuck would open a breaker.
    const route: Route = [integration(here.sender, { guarded: false })];
    const stage = await run({ ledger: { ...ledger, intend }, route });
    await put(...stuck.map((id) => deliveryOf(id)));
    await vi.waitFor(() => expect(asked).toHaveLength(WIDTH));
    await put(...next.map((id) => deliveryOf(id, more)));
    await vi.waitFor(() => expect(leased).toBe(2 * WIDTH));
    await put(deliveryOf("o"));
    return { stage, leased: () => leased };
  }

  it("the next have their leases already, no more than as many again, and all their time once it is their turn", async () => {
    const { leased } = await crowded();
    await here.at.clock.advance(11_999);
    expect(leased()).toBe(2 * WIDTH);
    expect(here.server.received).toBe(0);
    await here.at.clock.advance(1);
    await Promise.all([...next, "o"].map((id) => until(id, SENT)));
    await Promise.all(stuck.map((id) => until(id, DEFERRED)));
    for (const id of stuck) expect(await statuses(id)).toEqual([[DEFERRED, "provider_unavailable", 0]]);
    expect(await events("n0")).toMatchObject([{ reason: "accepted_by_provider", attempt: 1 }]);
  });

  it("a lease that was lost before its turn came is somebody else's: nothing is sent", async () => {
    await crowded({ ...here.ledger, extend: async (leases) => leases.map(() => "lost" as const) });
    await here.at.clock.advance(12_000);
    await Promise.all(next.map((id) => until(id, DEFERRED)));
    for (const id of next) expect(await statuses(id)).toEqual([[DEFERRED, "lease_held", 0]]);
    await until("o", SENT);
    expect(here.server.received).toBe(1);
  });

  it("a delivery that expires before its turn came is not sent", async () => {
    await crowded(here.ledger, { expiresAtMs: BigInt(here.at.clock.nowMs() + 11_000) });
    await here.at.clock.advance(12_000);
    await Promise.all(next.map((id) => until(id, EXPIRED)));
    for (const id of next) expect(await statuses(id)).toEqual([[EXPIRED, "expired", 0]]);
    await until("o", SENT);
    expect(here.server.received).toBe(1);
  });

  it("what a drain calls off before its turn came waits for the next process, and was certainly not sent", async () => {
    const { stage } = await crowded();
    const drained = stage.drain(1_000);
    await here.at.clock.advance(1_000);
    await Promise.all(next.map((id) => until(id, DEFERRED)));
    await here.at.clock.advance(1_000);
    await drained;
    for (const id of next) expect(await statuses(id)).toEqual([[DEFERRED, "provider_unavailable", 0]]);
    await here.sender.close();
    here.server.recipient = () => undefined;
    here.sender = here.open();
    await run();
    await pass(5_000);
    await Promise.all(next.map((id) => until(id, SENT)));
    expect((await events("n0")).at(-1)).toMatchObject({ reason: "accepted_by_provider", attempt: 1 });
  });
});

describe("while answers take long", () => {
  it("all leases are extended by one call every five seconds", async () => {
    const ids = ["a", "b", "c", "d", "e"];
    const server = slow(...ids);
    const calls: number[] = [];
    const extend: Ledger["extend"] = (leases) => {
      calls.push(leases.length);
      return here.ledger.extend(leases);
    };
    await run({ ledger: { ...here.ledger, extend } });
    await put(...ids.map((id) => deliveryOf(id)));
    await server.handedOver();
    await here.at.clock.advance(12_000);
    expect(calls.reduce((sum, count) => sum + count, 0)).toBe(5);
    calls.length = 0;
    await here.at.clock.advance(20_000);
    expect(calls).toEqual([5, 5, 5, 5]);
    for (const id of ids) server.answer(id);
    await Promise.all(ids.map((id) => until(id, SENT)));
    calls.length = 0;
    await here.at.clock.advance(20_000);
    expect(calls).toEqual([]);
  });

  it("others go on, those behind them in the same partition too", async () => {
    const stuck = Array.from({ length: WIDTH }, (_, index) => `s${index}`);
    const server = slow(...stuck);
    await run();
    // One after the other, so that each is alone in its batch.
    for (const [count, id] of stuck.entries()) {
      await put(deliveryOf(id));
      await vi.waitFor(() => expect(here.server.received).toBe(count + 1));
    }
    await server.handedOver();
    await here.at.clock.advance(12_000);
    const place = (id: string) => partitionOf(`development/user-${id}`, topics.email.medium.partitions);
    const behind = Array.from({ length: 3_000 }, (_, index) => `o${index}`).filter((id) => place(id) === place("s0"));
    await put(...behind.map((id) => deliveryOf(id)));
    await vi.waitFor(() => expect(here.server.mails).toHaveLength(behind.length), 15_000);
    for (const id of stuck) server.answer(id);
    await Promise.all(stuck.map((id) => until(id, SENT)));
  });

  it("those that are too many to stand aside keep the rest waiting, which is no standstill, and goes on with the first answer", async () => {
    const stuck = Array.from({ length: 2 * WIDTH }, (_, index) => `s${index}`);
    const server = slow(...stuck);
    const stage = await run();
    await put(...stuck.slice(0, WIDTH).map((id) => deliveryOf(id)));
    await vi.waitFor(() => expect(here.server.received).toBe(WIDTH));
    await here.at.clock.advance(12_000);
    await put(...stuck.slice(WIDTH).map((id) => deliveryOf(id)));
    await server.handedOver();
    await put(deliveryOf("o"));
    await here.at.clock.advance(120_000);
    expect(await overdue()).toEqual({ "email smtp": 2 * WIDTH });
    expect(here.server.received).toBe(2 * WIDTH);
    expect(stage.health()).toEqual({ ok: true });
    server.answer("s0");
    await until("o", SENT);
    for (const id of stuck) server.answer(id);
    await Promise.all(stuck.map((id) => until(id, SENT)));
    expect(here.server.received).toBe(2 * WIDTH + 1);
  });

  it("a drain gives the answer all its time", async () => {
    const server = slow("a");
    const stage = await run();
    await put(deliveryOf("a"));
    await server.handedOver();
    await here.at.clock.advance(30_000);
    const drained = stage.drain(13_000);
    await here.at.clock.advance(12_000);
    server.answer("a");
    await until("a", SENT);
    await drained;
    expect((await intendAs("w-2", "a"))?.is).toBe("settled");
  });

  it("what a drain abandons tells nothing and keeps its lease, and the next process sends it when that is over", async () => {
    const server = slow("a");
    const stage = await run();
    await put(deliveryOf("a"));
    await server.handedOver();
    await here.at.clock.advance(30_000);
    const drained = stage.drain(13_000);
    await here.at.clock.advance(13_000);
    await here.sender.close();
    await here.at.clock.advance(1_000);
    await drained;
    expect(await events("a")).toEqual([]);
    here.server.message = () => undefined;
    here.sender = here.open();
    await run();
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "lease_held", 0]]);
    expect(here.server.received).toBe(1);
    await pass(17_000);
    await until("a", SENT);
    expect((await events("a")).at(-1)).toMatchObject({ reason: "send_unresolved", attempt: 1 });
    expect(here.server.received).toBe(2);
  });
});
