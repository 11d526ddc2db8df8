import { beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import * as topics from "#domain/topics.ts";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import type { Rate } from "#platform/limits/bucket.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";
import type { Route } from "./integration.ts";
import { mailboxSender } from "./providers/email/mailbox.ts";
import { nullSender } from "./providers/email/null.ts";
import type { Sender } from "./sender.ts";

const { SENT, DEFERRED, EXPIRED } = DeliveryStatus;
const { here, run, integration, put, putInto, deliveryOf, events, statuses, until, scheduled, pass } = deliveries();

/** Ten a second, of which twenty can be saved up. */
const rate: Rate = { perSecond: 10, burst: 20 };
const some = (count: number, name: string) => Array.from({ length: count }, (_, at) => deliveryOf(`${name}${at}`));

/** To whom, in order. */
const sent: string[] = [];
beforeEach(() => void sent.splice(0));
const provider: Sender = {
  ...nullSender(),
  ...{ id: "smtp", width: 20 },
  async send(mail, ...more) {
    sent.push(mail.to);
    return nullSender().send(mail, ...more);
  },
};
const limited = (more: { worker?: string; rate?: Rate } = {}): Route => [integration(provider, { rate, ...more })];
const mails = () => sent.length;
const sentOf = (name: string) => sent.filter((to) => to.startsWith(name)).length;

describe("an integration with a rate", () => {
  it("sends the burst at once, then at the rate", async () => {
    await run({ route: limited() });
    await put(...some(50, "a"));
    await vi.waitFor(() => expect(mails()).toBe(20));
    for (let second = 1; second <= 3; second++) {
      await here.at.clock.advance(1_000);
      await vi.waitFor(() => expect(mails()).toBe(20 + 10 * second));
    }
    expect(await scheduled()).toEqual([]);
  });

  it("does not get a token back whose send was called off when its provider had been asked", async () => {
    const slow: Rate = { perSecond: 0.001, burst: 2 };
    const silent: Sender = {
      ...provider,
      send: ({ to }, signal, handedOver) =>
        new Promise((resolve) => {
          sent.push(to);
          handedOver();
          const unknown = { is: "unknown", code: "no_answer", detail: "No answer." } as const;
          signal.addEventListener("abort", () => resolve(unknown), { once: true });
        }),
    };
    const ledger: Ledger = { ...here.ledger, extend: async (leases) => leases.map(() => "lost") };
    const running = await run({ route: [integration(silent, { rate: slow })], ledger });
    await put(deliveryOf("a"));
    await vi.waitFor(() => expect(mails()).toBe(1));
    const drained = running.drain(0);
    await here.at.clock.advance(17_000);
    await drained;
    await here.at.clock.advance(1_000);
    expect(await here.buckets.level("smtp", slow)).toBeCloseTo(1, 1);
  });

  it("puts what would wait for long on the schedule: no attempt is used up, and it is sent when its time has come", async () => {
    await run({ route: limited({ rate: { perSecond: 1, burst: 1 } }) });
    await put(...some(20, "a"));
    await vi.waitFor(async () => expect((await scheduled()).length).toBeGreaterThan(5));
    await until("a19", DEFERRED);
    expect(await statuses("a19")).toEqual([[DEFERRED, "rate_limited", 0]]);
    const places = (await scheduled()).map(({ dueAtMs }) => (Number(dueAtMs) - here.at.clock.nowMs()) / 1_000);
    expect(places.sort((one, other) => one - other)).toEqual(places.map((_, at) => 10 + at));
    for (let second = 0; second < 30; second++) {
      await pass(1_000);
      await vi.waitFor(() => expect(mails()).toBeGreaterThanOrEqual(Math.min(20, second)));
    }
    await vi.waitFor(() => expect(mails()).toBe(20));
    for (let at = 0; at < 20; at++) expect((await events(`a${at}`)).at(-1)).toMatchObject({ status: SENT, attempt: 1 });
  });

  it("lets what would wait past its expiry end as expired", async () => {
    await run({ route: limited({ rate: { perSecond: 1, burst: 1 } }) });
    await put(...Array.from({ length: 20 }, (_, at) => deliveryOf(`a${at}`, { expiresAtMs: BigInt(here.at.clock.nowMs() + 9_000) })));
    await until("a19", EXPIRED);
    expect(await statuses("a19")).toEqual([[EXPIRED, "expired", 0]]);
  });

  it("sends the high lane first, by weight, whatever waits in the low one", async () => {
    await run({ route: limited() });
    await put(...some(20, "first"));
    await vi.waitFor(() => expect(mails()).toBe(20));
    await putInto(topics.email.low, ...some(30, "low"));
    await putInto(topics.email.medium, ...some(20, "medium"));
    await putInto(topics.email.high, ...some(20, "high"));
    await here.at.clock.advance(0);
    await here.at.clock.advance(1_050);
    await vi.waitFor(() => expect(mails()).toBe(30));
    expect([sentOf("high"), sentOf("medium"), sentOf("low")]).toEqual([8, 2, 0]);
  });

  it("two workers keep to it together", async () => {
    await run({ route: limited({ worker: "w-1" }) });
    await run({ route: limited({ worker: "w-2" }), worker: "w-2" });
    await put(...some(60, "a"));
    await vi.waitFor(() => expect(mails()).toBe(20));
    await here.at.clock.advance(2_050);
    await vi.waitFor(() => expect(mails()).toBe(40));
  });

  it("that has no tokens slows no other", async () => {
    const kept: string[] = [];
    const mailbox = mailboxSender(async ({ to }) => void kept.push(...to));
    const live = limited({ rate: { perSecond: 1, burst: 1 } });
    const test: Route = [integration(mailbox, { guarded: false })];
    await run({ route: live, routeOf: async (environment) => (environment === "staging" ? test : live) });
    await put(...some(200, "a"));
    await vi.waitFor(() => expect(mails()).toBe(1));
    await put(...Array.from({ length: 50 }, (_, at) => deliveryOf(`t${at}`, { environment: "staging" })));
    await vi.waitFor(() => expect(kept).toHaveLength(50));
    expect(mails()).toBe(1);
  });

  it("whose bucket cannot be asked sends nothing, gives nothing up, and goes on when it can", async () => {
    const { take } = here.buckets;
    here.buckets = { ...here.buckets, take: () => Promise.reject(new Problem("STORE_UNAVAILABLE")) };
    await run({ route: limited() });
    await put(...some(3, "a"));
    for (let second = 0; second < 60; second++) await here.at.clock.advance(1_000);
    expect(mails()).toBe(0);
    expect(await here.at.records(topics.deadEmail)).toEqual([]);
    Object.assign(here.buckets, { take });
    await here.at.clock.advance(10_000);
    await vi.waitFor(() => expect(mails()).toBe(3));
  });

  it("gives the token of what was canceled to another", async () => {
    const ids = some(20, "gone").map(({ deliveryId }) => deliveryId);
    for (const id of ids)
      await here.ledger.cancel({ environment: "development", notificationId: `n-${id}`, untilMs: Number.MAX_SAFE_INTEGER });
    await run({ route: limited() });
    await put(...some(20, "gone"));
    await here.at.clock.advance(1_000);
    await put(...some(20, "a"));
    await vi.waitFor(() => expect(mails()).toBe(20));
  });
});

it("without a rate nobody is asked for a token", async () => {
  const take = vi.fn(here.buckets.take);
  here.buckets = { ...here.buckets, take };
  await run({ route: [integration(nullSender())] });
  await put(...some(200, "a"));
  await until("a199", SENT);
  expect(take).not.toHaveBeenCalled();
});
