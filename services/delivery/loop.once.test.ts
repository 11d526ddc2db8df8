import { describe, expect, it, vi } from "vitest";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";
import type { Integration } from "./integration.ts";
import type { Outcome, Sender } from "./sender.ts";

const { SENT, FAILED, DEFERRED } = DeliveryStatus;
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

  it("waits for what keeps its intent, and holds up no other", async () => {
    let isAway = true;
    const apart: Ledger = {
      ...here.ledger,
      intend: (tries, options) =>
        isAway && tries.some(({ atMostOnce }) => atMostOnce) ? Promise.reject(new Error("away")) : here.ledger.intend(tries, options),
    };
    await run({ ledger: apart });
    await put(deliveryOf("a", once), deliveryOf("b"), deliveryOf("c"));
    await Promise.all(["b", "c"].map((id) => until(id, SENT)));
    expect(await events("a")).toEqual([]);
    isAway = false;
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
