import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import * as topics from "#domain/topics.ts";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { DeliveryEventSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";
import type { Integration } from "./integration.ts";
import type { Outcome, Sender } from "./sender.ts";

const { SENT, FAILED, DEFERRED, EXPIRED } = DeliveryStatus;
const { here, run, integration, put, deliveryOf, events, statuses, until, scheduled, letters, pass } = deliveries();

const once = { atMostOnce: true };
const UNRESOLVED = [FAILED, "send_unresolved_once", 1];
const send = {
  ...{ environment: "development", notificationId: "n-a", deliveryId: "a", cycle: 1, target: "a@example.test" },
  ...{ worker: "dead", atMostOnce: true },
};
const leased = () => here.ledger.intend([{ ...send, reaches: [], acceptedAtMs: 1_000, attempt: 0, wait: 0, leaseMs: 17_000 }]);

describe("a mail that may be sent at most once, whose worker died", () => {
  it("in the middle of its send, is given up when its lease is over", async () => {
    await leased();
    await run();
    await put(deliveryOf("a", once));
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "lease_held", 0]]);
    await pass(17_000);
    await until("a", FAILED);
    expect((await statuses("a")).at(-1)).toEqual(UNRESOLVED);
    expect(here.server.received).toBe(0);
    expect(await letters()).toEqual([]);
  });

  it("after it was given up and before that was told, is told so with the same id and time", async () => {
    await leased();
    await here.at.clock.advance(17_000);
    await run();
    await put(deliveryOf("a", once));
    await until("a", FAILED);
    await here.at.clock.advance(1_000);
    await put(deliveryOf("a", once));
    await until("a", FAILED, 2);
    expect(new Set((await events("a")).map(({ eventId, atMs }) => `${eventId} ${atMs}`)).size).toBe(1);
  });

  it("after its outcome was settled is told that", async () => {
    await leased();
    await here.ledger.settle([{ ...send, state: "sent", atMs: 5 }]);
    await run();
    await put(deliveryOf("a", once));
    await until("a", SENT);
    expect(here.server.received).toBe(0);
  });

  it("is sent in a new cycle, as a replay opens one", async () => {
    await leased();
    await here.at.clock.advance(17_000);
    await run();
    await put(deliveryOf("a", once));
    await until("a", FAILED);
    await put(deliveryOf("a", { ...once, cycle: 2 }));
    await until("a", SENT);
    expect(here.server.received).toBe(1);
  });
});

/** The ledger, of which what is asked about sends that may happen at most once meets this first. */
const apart = (first: { intend?: () => Promise<never> | undefined; settle?: () => Promise<never> | undefined }): Ledger => ({
  ...here.ledger,
  intend: (tries, options) => (tries.some(isOnce) ? first.intend?.() : undefined) ?? here.ledger.intend(tries, options),
  settle: (results) => (results.some(isOnce) ? first.settle?.() : undefined) ?? here.ledger.settle(results),
});
const isOnce = ({ atMostOnce }: { readonly atMostOnce?: boolean }) => atMostOnce === true;

describe("mails that may be sent at most once, beside others, while what keeps their intents is away", () => {
  /** As a database that does not answer: until the statement's time is over. */
  const hanging = async (): Promise<never> => {
    await here.at.clock.sleep(10_000);
    throw new Problem("STORE_UNAVAILABLE");
  };
  /** Of each kind more than are taken in hand. */
  const ids = (kind: string) => Array.from({ length: 40 }, (_, at) => `${kind}-${at}`);
  const sentOf = async (kind: string) => (await here.at.records(topics.deliveryEvents)).filter(isSentOf(kind)).length;
  const isSentOf = (kind: string) => (record: { readonly value: Uint8Array }) => {
    const { deliveryId, status } = fromBinary(DeliveryEventSchema, record.value);
    return status === SENT && deliveryId.startsWith(kind);
  };

  it.each(["intend", "settle"] as const)("at %s: the others are sent meanwhile, and they once each when it is back", async (at) => {
    let isAway = true;
    await run({ ledger: apart({ [at]: () => (isAway ? hanging() : undefined) }) });
    await put(...ids("once").map((id) => deliveryOf(id, once)), ...ids("other").map((id) => deliveryOf(id)));
    await vi.waitFor(async () => {
      await here.at.clock.advance(500);
      expect(await sentOf("other")).toBe(40);
    }, 10_000);
    expect(await sentOf("once")).toBe(0);
    isAway = false;
    await vi.waitFor(async () => {
      await pass(5_000);
      expect(await sentOf("once")).toBe(40);
    }, 10_000);
    expect(here.server.mails).toHaveLength(80);
  });
});

describe("a mail that may be sent at most once", () => {
  it("and was handed over without an answer, is not sent again, nor by another integration", async () => {
    const asked: string[] = [];
    const account = (id: string, outcome: Outcome): Sender => ({
      ...{ id, width: 5, close: async () => undefined },
      async send() {
        asked.push(id);
        return outcome;
      },
    });
    const route: [Integration, Integration] = [
      integration(account("primary", { is: "unknown", code: "ECONNECTION", detail: "The connection has ended." })),
      integration(account("spare", { is: "accepted", providerMessageId: "m", detail: "250 Taken" })),
    ];
    await run({ route });
    await put(deliveryOf("a", once));
    await until("a", FAILED);
    expect(await statuses("a")).toEqual([UNRESOLVED]);
    expect((await events("a"))[0]).toMatchObject({ provider: "primary", detail: "The connection has ended." });
    expect(asked).toEqual(["primary"]);
    expect(await scheduled()).toEqual([]);
    await put(deliveryOf("a", once));
    await until("a", FAILED, 2);
    expect(asked).toEqual(["primary"]);
  });

  it.each([
    ["refused it for now", { code: 451, text: "4.7.1 Greylisted" }, "temporarily_refused"],
    ["was out", { code: 421 }, "provider_unavailable"],
  ] as const)("goes out later when the provider %s, since then it was not sent", async (_what, answer, reason) => {
    here.server.message = () => answer;
    await run();
    await put(deliveryOf("a", once));
    await until("a", DEFERRED);
    expect((await statuses("a")).at(-1)?.[1]).toBe(reason);
    here.server.message = () => undefined;
    await pass(5_000);
    await until("a", SENT);
    expect(here.server.mails).toHaveLength(1);
  });

  it("waits for what keeps its intent without using up an attempt, and holds up no other", async () => {
    let isAway = true;
    await run({ ledger: apart({ intend: () => (isAway ? Promise.reject(new Problem("STORE_UNAVAILABLE")) : undefined) }) });
    await put(deliveryOf("a", once), deliveryOf("b"), deliveryOf("c"));
    await Promise.all(["b", "c"].map((id) => until(id, SENT)));
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "intent_unavailable", 0]]);
    isAway = false;
    await pass(5_000);
    await until("a", SENT);
    expect((await statuses("a")).at(-1)).toEqual([SENT, "accepted_by_provider", 1]);
  });

  it("that expired while its intent could not be had waits on, and is told so in the end", async () => {
    let isAway = true;
    await run({ ledger: apart({ intend: () => (isAway ? Promise.reject(new Problem("STORE_UNAVAILABLE")) : undefined) }) });
    await put(deliveryOf("a", { ...once, expiresAtMs: BigInt(here.at.clock.nowMs() + 2_000) }));
    await until("a", DEFERRED);
    isAway = false;
    await pass(5_000);
    await until("a", EXPIRED);
    expect(here.server.received).toBe(0);
  });

  it("and meets an error of another kind comes again as anything does", async () => {
    let isBroken = true;
    await run({ ledger: apart({ intend: () => (isBroken ? Promise.reject(new Error("broken")) : undefined) }) });
    await put(deliveryOf("a", once));
    await vi.waitFor(() => expect(here.at.lines.some(({ err }) => JSON.stringify(err ?? "").includes("broken"))).toBe(true));
    expect(await events("a")).toEqual([]);
    isBroken = false;
    await vi.waitFor(async () => {
      await here.at.clock.advance(1_000);
      expect(await statuses("a")).toEqual([[SENT, "accepted_by_provider", 1]]);
    }, 5_000);
  });

  it("is one send among others, which are repeated as ever", async () => {
    const dead = (id: string, atMostOnce: boolean) => ({
      ...{ ...send, deliveryId: id, notificationId: `n-${id}`, target: `${id}@example.test`, atMostOnce },
      ...{ reaches: [], acceptedAtMs: 1_000, attempt: 0, wait: 0, leaseMs: 17_000 },
    });
    await here.ledger.intend([dead("a", true), dead("b", false)]);
    await here.at.clock.advance(17_000);
    await run();
    await put(deliveryOf("a", once), deliveryOf("b"));
    await Promise.all([until("a", FAILED), until("b", SENT)]);
    expect((await events("b")).at(-1)?.reason).toBe("send_unresolved");
    expect(here.server.received).toBe(1);
  });
});
