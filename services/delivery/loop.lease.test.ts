/** What comes between a lease and a provider: cancels, suppressions and erasures; another holder; a ledger that cannot be read. */
import { describe, expect, it, vi } from "vitest";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { Ledger, Try } from "#platform/ledger/ledger.ts";
import { addressReached, personReached } from "#platform/ledger/reach.ts";
import { type Breakers, OPEN_MS, OPENS_AFTER } from "#platform/limits/breaker.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";
import type { Answer } from "../../test/fakes/smtp.ts";
import type { Integration } from "./integration.ts";
import type { Outcome, Sender } from "./sender.ts";

const { SENT, DEAD, DEFERRED, CANCELED, SKIPPED } = DeliveryStatus;
const { here, run, integration, put, deliveryOf, events, statuses, until, letters, pass } = deliveries();

const taken: Outcome = { is: "accepted", providerMessageId: "m", detail: "250 Taken" };
const outage: Outcome = { is: "outage", code: "ECONNREFUSED", detail: "No connection." };
const environment = "development";
const FOR_EVER_MS = Number.MAX_SAFE_INTEGER;

const bars = [
  ["canceled", CANCELED, () => here.ledger.cancel({ environment, notificationId: "n-a", untilMs: FOR_EVER_MS })],
  [
    "suppressed",
    SKIPPED,
    () => here.ledger.suppress({ environment, whom: addressReached(Channel.EMAIL, "a@example.test"), suppressed: true, atMs: 5 }),
  ],
  ["erased", SKIPPED, () => here.ledger.erase({ environment, whom: personReached("user-a"), atMs: FOR_EVER_MS, untilMs: FOR_EVER_MS })],
] as const;

/** Answers each mail when the test says so. */
function account(id: string, width: number) {
  const asked: string[] = [];
  const open = new Map<string, (outcome: Outcome) => void>();
  const sender: Sender = {
    ...{ id, width, close: async () => undefined },
    send: ({ to }) =>
      new Promise((resolve) => {
        const name = to.split("@")[0] as string;
        asked.push(name);
        open.set(name, resolve);
      }),
  };
  return {
    ...{ sender, asked },
    answer: (to: string, outcome: Outcome) => open.get(to)?.(outcome),
    has: (...ids: string[]) => vi.waitFor(() => expect(asked).toEqual(ids), 5_000),
  };
}

describe("after its acknowledgement no send starts: one that is", () => {
  it.each(bars)("%s while it has its lease and waits for its turn is not sent", async (reason, status, bar) => {
    const primary = account("primary", 1);
    let leased = 0;
    const intend: Ledger["intend"] = async (tries) => {
      const intents = await here.ledger.intend(tries);
      leased += intents.length;
      return intents;
    };
    await run({ route: [integration(primary.sender)], ledger: { ...here.ledger, intend } });
    await put(deliveryOf("s"));
    await primary.has("s");
    await put(deliveryOf("a"));
    await vi.waitFor(() => expect(leased).toBe(2), 5_000);
    await bar();
    await here.at.clock.advance(101);
    primary.answer("s", taken);
    await until("a", status);
    expect(await statuses("a")).toEqual([[status, reason, 0]]);
    expect(primary.asked).toEqual(["s"]);
    await put(deliveryOf("a"));
    await until("a", status, 2);
  });

  it.each(bars)("%s while the first integration has it does not go by the second, however soon", async (reason, status, bar) => {
    const [primary, spare] = [account("primary", 5), account("spare", 5)];
    const route: [Integration, Integration] = [integration(primary.sender), integration(spare.sender)];
    await run({ route });
    await put(deliveryOf("a"));
    await primary.has("a");
    await bar();
    primary.answer("a", outage);
    await until("a", status);
    expect(await statuses("a")).toEqual([[status, reason, 0]]);
    expect(spare.asked).toEqual([]);
  });

  it.each(bars)("%s while a probe is asked for it is not sent, once that is granted", async (reason, status, bar) => {
    const { breakers } = here;
    const [asked, granted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const probe: Breakers["probe"] = async (probe) => {
      asked.resolve();
      await granted.promise;
      return breakers.probe(probe);
    };
    here.breakers = { ...breakers, probe };
    const primary = account("primary", 5);
    const only = integration(primary.sender);
    const failure = { integration: "primary", generation: 0, holder: "w-2", is: "failure" } as const;
    for (let count = 0; count < OPENS_AFTER; count++) only.breaker.learn(await breakers.report(failure));
    await here.at.clock.advance(OPEN_MS);
    await run({ route: [only] });
    await put(deliveryOf("a"));
    await asked.promise;
    await bar();
    await here.at.clock.advance(101);
    granted.resolve();
    await until("a", status);
    expect(await statuses("a")).toEqual([[status, reason, 0]]);
    expect(primary.asked).toEqual([]);
  });

  it.each(bars)("%s while the provider has it ends as it ends, also when that takes minutes", async (_reason, _status, bar) => {
    let answer: ((answer: Answer) => void) | undefined;
    here.server.message = () => new Promise((resolve) => (answer = resolve));
    await run();
    await put(deliveryOf("a"));
    await vi.waitFor(() => expect(answer).toBeDefined(), 5_000);
    await bar();
    await here.at.clock.advance(60_000);
    answer?.(undefined);
    await until("a", SENT);
  });
});

describe("a ledger that is away between two integrations", () => {
  it("lets nothing go by the second, and the delivery waits", async () => {
    const [primary, spare] = [account("primary", 5), account("spare", 5)];
    const route: [Integration, Integration] = [integration(primary.sender), integration(spare.sender)];
    let isAway = true;
    const extend: Ledger["extend"] = (leases) => (isAway ? Promise.reject(new Error("away")) : here.ledger.extend(leases));
    await run({ route, ledger: { ...here.ledger, extend } });
    await put(deliveryOf("a"));
    await primary.has("a");
    primary.answer("a", outage);
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "provider_unavailable", 0]]);
    expect(spare.asked).toEqual([]);
    isAway = false;
    await pass(5_000);
    await primary.has("a", "a");
    primary.answer("a", taken);
    await until("a", SENT);
    expect((await events("a")).at(-1)?.reason).toBe("accepted_by_provider");
  });
});

describe("a worker that stood still past its lease", () => {
  const again = { reaches: [], acceptedAtMs: 1_000, attempt: 0, wait: 0, leaseMs: 17_000 };

  it("does not send when it wakes up, though its own process has the same record in hand by then", async () => {
    const woken = Promise.withResolvers<void>();
    const tried: Try[] = [];
    const intend: Ledger["intend"] = async (tries) => {
      const intents = await here.ledger.intend(tries);
      tried.push(...tries);
      await woken.promise;
      return intents;
    };
    await run({ ledger: { ...here.ledger, intend } });
    await put(deliveryOf("a"));
    await vi.waitFor(() => expect(tried).toHaveLength(1), 5_000);
    await here.at.clock.advance(17_000);
    // As the next try of this process would ask.
    const [first] = tried as [Try];
    const next = { ...first, worker: first.worker.replace(/\d+$/, (count) => String(Number(count) + 1)) };
    expect(await here.ledger.intend([next])).toEqual([{ is: "unknown" }]);
    woken.resolve();
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "lease_held", 0]]);
    expect(here.server.received).toBe(0);
  });

  it("tries under another name each time, so that no two tries are taken for one", async () => {
    const workers: string[] = [];
    const intend: Ledger["intend"] = (tries) => {
      workers.push(...tries.map(({ worker }) => worker));
      return here.ledger.intend(tries);
    };
    await run({ ledger: { ...here.ledger, intend } });
    await put(deliveryOf("a"), deliveryOf("b"));
    await Promise.all(["a", "b"].map((id) => until(id, SENT)));
    await put(deliveryOf("a"));
    await until("a", SENT, 2);
    expect(new Set(workers).size).toBe(3);
  });

  it("and has a provider's answer by then does not tell it over its successor's", async () => {
    let answer: ((answer: Answer) => void) | undefined;
    here.server.message = () => new Promise((resolve) => (answer = resolve));
    await run({ ledger: { ...here.ledger, extend: () => Promise.reject(new Error("as if it stood still")) } });
    await put(deliveryOf("a"));
    await vi.waitFor(() => expect(answer).toBeDefined(), 5_000);
    await here.at.clock.advance(17_000);
    const successor = { environment, notificationId: "n-a", deliveryId: "a", cycle: 1, target: "a@example.test", worker: "w-2/1" };
    expect(await here.ledger.intend([{ ...successor, ...again }])).toEqual([{ is: "unknown" }]);
    await here.ledger.settle([{ ...successor, state: "sent", atMs: 5 }]);
    answer?.({ code: 550, text: "5.7.1 Spam" });
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "lease_held", 0]]);
    await pass(17_000);
    await until("a", SENT);
    expect((await statuses("a")).map(([status]) => status)).toEqual([DEFERRED, SENT]);
  });
});

it("what the ledger keeps unreadably of one mail is a dead letter with its reason, and the lane goes on", async () => {
  const intend: Ledger["intend"] = async (tries) => {
    const intents = await here.ledger.intend(tries.filter(({ deliveryId, cycle }) => deliveryId !== "a" || cycle > 1));
    const left = [...intents];
    return tries.map(({ deliveryId, cycle }) =>
      deliveryId === "a" && cycle === 1 ? { is: "malformed", detail: "it cannot be read" } : (left.shift() as (typeof intents)[number]),
    );
  };
  await run({ ledger: { ...here.ledger, intend } });
  await put(deliveryOf("a"), deliveryOf("b"), deliveryOf("c"));
  await Promise.all([until("a", DEAD), until("b", SENT), until("c", SENT)]);
  expect(await statuses("a")).toEqual([[DEAD, "ledger_malformed", 0]]);
  expect(await letters()).toMatchObject([{ reason: "ledger_malformed", detail: "it cannot be read" }]);
  expect(here.server.received).toBe(2);
  await put(deliveryOf("a", { cycle: 2 }));
  await until("a", SENT);
});
