import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it, vi } from "vitest";
import { deliveryEventName } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema, DeliveryStatus, type Priority } from "#gen/carillon/common/v1/common_pb.ts";
import { DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import { addressReached, personReached } from "#platform/ledger/reach.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";
import { openServer } from "../../test/fakes/smtp.ts";
import type { Route } from "./integration.ts";
import { smtpSender } from "./providers/email/smtp.ts";
import type { Sender } from "./sender.ts";

const { SENT, FAILED, DEAD, EXPIRED, DEFERRED, CANCELED, SKIPPED } = DeliveryStatus;
const { here, run, integration, put, deliveryOf, events, statuses, until, scheduled, letters, pass } = deliveries();

describe("a delivery by email", () => {
  it("is sent, and says so with the provider's words", async () => {
    await run();
    await put(deliveryOf("a"));
    await until("a", SENT);
    const [event] = await events("a");
    expect(event).toMatchObject({ reason: "accepted_by_provider", attempt: 1, provider: "smtp", target: "a@example.test" });
    expect(event?.detail).toMatch(/^250/);
    expect(here.server.mails).toHaveLength(1);
    expect(here.server.mails[0]?.raw).toMatch(/^Message-ID: <a@carillon.localhost>\r?$/m);
    expect(here.server.mails[0]?.raw).toMatch(/^X-Carillon-Delivery: a\r?$/m);
    expect(here.server.mails[0]?.raw).toMatch(/^X-Carillon-Notification: n-a\r?$/m);
    expect(here.server.mails[0]?.raw).toMatch(/^Subject: Title a\r?$/m);
    expect(await here.at.metric("carillon_deliveries_total")).toEqual({ "email smtp sent accepted_by_provider": 1 });
  });

  it("refused for good is failed: one event, no retry, no dead letter, and others are sent all the same", async () => {
    here.server.recipient = (address) => (address === "b@example.test" ? { code: 550, text: "5.1.1 No such user" } : undefined);
    await run();
    await put(deliveryOf("a"), deliveryOf("b"), deliveryOf("c"));
    await Promise.all([until("a", SENT), until("b", FAILED), until("c", SENT)]);
    expect(await statuses("b")).toEqual([[FAILED, "refused_by_provider", 1]]);
    expect((await events("b"))[0]?.detail).toBe("550 5.1.1 No such user");
    expect(await scheduled()).toEqual([]);
    expect(await letters()).toEqual([]);
  });

  it("refused for now is tried again after 5 s, 1 m and 10 m, then dead, with the whole original kept", async () => {
    here.server.message = () => ({ code: 451, text: "4.2.0 Try later" });
    await run();
    await put(deliveryOf("a"));
    for (const [round, waitMs] of [5_000, 60_000, 600_000].entries()) {
      await until("a", DEFERRED, round + 1);
      const last = (await scheduled())[round];
      expect(Number(last?.dueAtMs) - here.at.clock.nowMs()).toBe(waitMs);
      expect(last?.topic).toBe("email-notifications");
      expect(fromBinary(DeliverySchema, last?.value as Uint8Array)).toMatchObject({ deliveryId: "a", attempt: round + 1, wait: 0 });
      await pass(waitMs);
    }
    await until("a", DEAD);
    expect(await statuses("a")).toEqual([
      ...[1, 2, 3].map((attempt) => [DEFERRED, "temporarily_refused", attempt]),
      [DEAD, "attempts_exhausted", 4],
    ]);
    expect(here.server.received).toBe(4);
    const [letter, ...more] = await letters();
    expect(more).toEqual([]);
    expect(letter).toMatchObject({ stage: "email-workers", reason: "attempts_exhausted", topic: "email-notifications" });
    const tries = fromBinary(DeliverySchema, letter?.value as Uint8Array).way?.hops ?? [];
    expect(
      [...tries, ...(letter?.way?.hops ?? [])].map(({ attempt, reason, provider, detail }) => [attempt, reason, provider, detail]),
    ).toEqual([
      ...[1, 2, 3].map((attempt) => [attempt, "temporarily_refused", "smtp", "451 4.2.0 Try later"]),
      [4, "attempts_exhausted", "smtp", "451 4.2.0 Try later"],
    ]);
    expect(fromBinary(DeliverySchema, letter?.value as Uint8Array)).toMatchObject({ deliveryId: "a", attempt: 3 });
  });

  it("of an environment that there is none of dies at once, kept whole, and others are sent all the same", async () => {
    const route: Route = [integration(here.sender)];
    await run({ routeOf: async (environment) => (environment === "nowhere" ? undefined : route) });
    await put(deliveryOf("a", { environment: "nowhere" }), deliveryOf("b"));
    await Promise.all([until("a", DEAD), until("b", SENT)]);
    expect(await statuses("a")).toEqual([[DEAD, "no_environment", 0]]);
    expect(await letters()).toMatchObject([{ reason: "no_environment", detail: "environment: there is no nowhere" }]);
    expect(here.server.received).toBe(1);
  });

  it("of a newer version, or with nothing that can be read, is buried with the reason, and the lane goes on", async () => {
    await run();
    await put(deliveryOf("a", { priority: 99 as number as Priority }));
    await here.at.log.append([
      { topic: topics.email.medium, key: "development/b", value: Uint8Array.of(255), headers: { traceparent: "x" } },
    ]);
    await put(deliveryOf("c"));
    await until("c", SENT);
    await vi.waitFor(async () => expect(await letters()).toHaveLength(2));
    const told = (await letters()).map(({ reason, detail }) => [reason, detail]).sort();
    expect(told).toEqual([
      ["newer_schema", "priority = 99: this version does not know the value, a newer one wrote it"],
      ["undecodable", expect.any(String)],
    ]);
  });

  it("with no retries allowed dies at the first refusal for now", async () => {
    here.server.recipient = () => ({ code: 450 });
    await run({ maxRetryCount: 0 });
    await put(deliveryOf("a"));
    await until("a", DEAD);
    expect(await letters()).toHaveLength(1);
  });

  it.each([
    ["421 at the greeting", () => (here.server.greet = () => ({ code: 421 })), () => (here.server.greet = () => undefined)],
    ["452 of a full server", () => (here.server.recipient = () => ({ code: 452 })), () => (here.server.recipient = () => undefined)],
    ["421 in place of an answer", () => (here.server.message = () => ({ code: 421 })), () => (here.server.message = () => undefined)],
  ])("%s is an outage: it waits without using up an attempt, and goes out when that is over", async (_what, breaks, heals) => {
    breaks();
    await run();
    await put(deliveryOf("a"));
    for (let round = 1; round <= 6; round++) {
      await until("a", DEFERRED, round);
      await pass(60_000);
    }
    await until("a", DEFERRED, 7);
    heals();
    await pass(60_000);
    await until("a", SENT);
    const told = await statuses("a");
    expect(told.slice(0, -1)).toEqual(Array(7).fill([DEFERRED, "provider_unavailable", 0]));
    expect(told.at(-1)).toEqual([SENT, "accepted_by_provider", 1]);
    expect(new Set((await events("a")).map(({ eventId }) => eventId)).size).toBe(8);
  });

  it("waits while the server is down, and goes out when it is there again", async () => {
    const { port } = here.server;
    await here.server.close();
    await run();
    await put(deliveryOf("a"), deliveryOf("b"));
    await Promise.all([until("a", DEFERRED), until("b", DEFERRED)]);
    expect((await events("a"))[0]?.reason).toBe("provider_unavailable");
    here.server = await openServer({ port });
    await pass(5_000);
    await Promise.all([until("a", SENT), until("b", SENT)]);
    expect(here.server.mails).toHaveLength(2);
  });

  it("waits when our credentials are refused, since that says nothing about the message", async () => {
    await here.server.close();
    here.server = await openServer({ auth: true });
    here.server.login = () => ({ code: 535, text: "5.7.8 Authentication failed" });
    here.sender = smtpSender({
      id: "smtp",
      host: "127.0.0.1",
      port: here.server.port,
      tls: "off",
      connections: 1,
      clock: here.at.clock,
      credentials: { username: "u", password: "p" },
    });
    here.senders.push(here.sender);
    await run();
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "provider_unavailable", 0]]);
    here.server.login = () => undefined;
    await pass(5_000);
    await until("a", SENT);
  });

  it("meets its deadline when the server hangs before the message was handed over: an outage", async () => {
    let asked = 0;
    here.server.recipient = () => {
      asked++;
      return "hang";
    };
    await run();
    await put(deliveryOf("a"));
    await vi.waitFor(() => expect(asked).toBe(1));
    await here.at.clock.advance(11_999);
    expect(await events("a")).toEqual([]);
    await here.at.clock.advance(1);
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "provider_unavailable", 0]]);
    here.server.recipient = () => undefined;
    await pass(60_000);
    await until("a", SENT);
    expect(here.server.mails).toHaveLength(1);
  });

  it("that may have been sent is sent again, once the lease is over", async () => {
    here.server.message = () => "drop";
    await run();
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "outcome_unknown", 1]]);
    here.server.message = () => undefined;
    await pass(16_000);
    expect(here.server.received).toBe(1);
    await pass(1_000);
    await until("a", SENT);
    expect((await events("a")).at(-1)).toMatchObject({ reason: "send_unresolved", attempt: 2 });
    expect(here.server.mails).toHaveLength(1);
  });

  it("that may have been sent is not handed over more often than attempts are allowed", async () => {
    here.server.message = () => "drop";
    await run({ maxRetryCount: 1 });
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    await pass(17_000);
    await until("a", DEAD);
    expect(here.server.received).toBe(2);
    expect(await letters()).toHaveLength(1);
  });

  it("past its expiry is not sent", async () => {
    await run();
    await put(deliveryOf("a", { expiresAtMs: BigInt(here.at.clock.nowMs()) }));
    await until("a", EXPIRED);
    expect(await statuses("a")).toEqual([[EXPIRED, "expired", 0]]);
    expect(here.server.received).toBe(0);
  });

  it("never waits past its expiry", async () => {
    here.server.greet = () => ({ code: 421 });
    await run();
    await put(deliveryOf("a", { expiresAtMs: BigInt(here.at.clock.nowMs() + 3_000) }));
    await until("a", EXPIRED);
    expect(await scheduled()).toEqual([]);
  });

  it("whose record comes twice is sent once and told once", async () => {
    await run();
    await put(deliveryOf("a"), deliveryOf("a"));
    await put(deliveryOf("a"));
    await until("a", SENT, 3);
    await vi.waitFor(async () => expect(await here.at.log.lag("email-workers", [topics.email.medium])).toBe(0));
    expect(here.server.mails).toHaveLength(1);
    expect(new Set((await events("a")).map(({ eventId }) => eventId)).size).toBe(1);
  });

  it("without content that can be read, or with a second header in its title, is buried", async () => {
    await run();
    const title = toBinary(ContentSchema, create(ContentSchema, { title: "Hello\r\nBcc: all@example.test" }));
    await put(
      deliveryOf("a", { content: new Uint8Array([255, 255]) }),
      deliveryOf("b", { content: title }),
      deliveryOf("c", { target: "x@example.test, y@example.test" }),
    );
    await Promise.all([until("a", DEAD), until("b", DEAD), until("c", DEAD)]);
    expect((await letters()).map(({ reason }) => reason).sort()).toEqual(["invalid", "invalid", "undecodable"]);
    expect(here.server.received).toBe(0);
  });

  it("that the stage fails on every time is dead and says so, with the dead letter", async () => {
    await run({ ledger: { ...here.ledger, intend: () => Promise.reject(new TypeError("undefined is not a function")) } });
    await put(deliveryOf("a", { attempt: 1, wait: 2 }));
    await here.at.log.append([{ topic: topics.email.medium, key: "development/b", value: Uint8Array.of(0xff) }]);
    await vi.waitFor(async () => {
      await here.at.clock.advance(10_000);
      expect((await letters()).map(({ reason }) => reason).sort()).toEqual(["stage_failed", "undecodable"]);
    }, 5_000);
    expect(await here.at.records(topics.deliveryEvents)).toHaveLength(1);
    const eventId = uuidv5(deliveryEventName("a", { cycle: 1, attempt: 1, wait: 2, target: "a@example.test" }, "dead"));
    expect(await events("a")).toMatchObject([{ eventId, status: DEAD, reason: "stage_failed", attempt: 0, wait: 2, detail: "" }]);
    expect(here.at.lines.filter(({ msg }) => msg === "delivery dead")).toMatchObject([{ deliveryId: "a", reason: "stage_failed" }]);
  });

  it("keeps the order of a person's mails, and lets others pass by", async () => {
    const slow: (() => void)[] = [];
    here.sender = {
      ...here.sender,
      send: async (mail, signal, handedOver) => {
        if (mail.to === "p0@example.test") await new Promise<void>((resolve) => slow.push(resolve));
        return here.senders[0]?.send(mail, signal, handedOver) as ReturnType<Sender["send"]>;
      },
    };
    await run();
    const first = Array.from({ length: 4 }, (_, index) => deliveryOf(`p${index}`, { userId: "ann" }));
    await put(...first, ...Array.from({ length: 30 }, (_, index) => deliveryOf(`q${index}`)));
    await vi.waitFor(() => expect(here.server.mails).toHaveLength(30), 5_000);
    expect(here.server.mails.filter(({ to: address }) => address.startsWith("p"))).toEqual([]);
    slow[0]?.();
    await vi.waitFor(() => expect(here.server.mails).toHaveLength(34), 5_000);
    expect(here.server.mails.slice(30).map(({ to: address }) => address)).toEqual(first.map(({ target }) => target));
  });

  it("never has more sends under way than the sender is wide", async () => {
    let now = 0;
    let most = 0;
    const inner = here.sender;
    here.sender = {
      ...inner,
      async send(mail, signal, handedOver) {
        most = Math.max(most, ++now);
        try {
          return await inner.send(mail, signal, handedOver);
        } finally {
          now--;
        }
      },
    };
    await run();
    await put(...Array.from({ length: 60 }, (_, index) => deliveryOf(`d${index}`)));
    await vi.waitFor(() => expect(here.server.mails).toHaveLength(60), 5_000);
    expect(most).toBe(5);
  });

  it("canceled before its try, or while it waits for another, is not sent, and says so once", async () => {
    const cancel = (notificationId: string) =>
      here.ledger.cancel({ environment: "development", notificationId, untilMs: Number.MAX_SAFE_INTEGER });
    await cancel("n-a");
    here.server.recipient = (address) => (address === "b@example.test" ? { code: 450 } : undefined);
    await run();
    await put(deliveryOf("a"), deliveryOf("b"), deliveryOf("c"));
    await Promise.all([until("a", CANCELED), until("b", DEFERRED), until("c", SENT)]);
    await cancel("n-b");
    here.server.recipient = () => undefined;
    await pass(5_000);
    await until("b", CANCELED);
    expect(await statuses("a")).toEqual([[CANCELED, "canceled", 0]]);
    expect(here.server.mails.map(({ to: address }) => address)).toEqual(["c@example.test"]);
    const [first] = await events("a");
    await put(deliveryOf("a"));
    await until("a", CANCELED, 2);
    expect((await events("a"))[1]?.eventId).toBe(first?.eventId);
    expect(await letters()).toEqual([]);
  });

  it.each([
    ["the person", () => personReached("user-a")],
    ["the address", () => addressReached(Channel.EMAIL, "A@Example.test")],
  ])("is skipped when %s was suppressed before its try, or while it waits for another, and says so once", async (_, whom) => {
    const suppress = () => here.ledger.suppress({ environment: "development", whom: whom(), suppressed: true, atMs: 1 });
    here.server.message = () => ({ code: 451, text: "4.2.0 Try later" });
    await run();
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    await suppress();
    const target = "a@example.test";
    await put(deliveryOf("b", { userId: "user-a", target }), deliveryOf("c"));
    await until("b", SKIPPED);
    await until("c", DEFERRED);
    await pass(5_000);
    await until("a", SKIPPED);
    expect(await statuses("b")).toEqual([[SKIPPED, "suppressed", 0]]);
    expect((await statuses("a")).at(-1)).toEqual([SKIPPED, "suppressed", 0]);
    expect(here.server.received).toBe(3);
    expect(await letters()).toEqual([]);
  });

  it("says nothing of a person in its log lines", async () => {
    here.server.recipient = (address) => (address === "a@example.test" ? { code: 550, text: `5.1.1 <${address}> unknown` } : undefined);
    await run();
    await put(deliveryOf("a"), deliveryOf("b"));
    await Promise.all([until("a", FAILED), until("b", SENT)]);
    const lines = here.at.lines.filter(({ deliveryId }) => deliveryId !== undefined);
    expect(lines).toHaveLength(2);
    expect(lines.find(({ deliveryId }) => deliveryId === "a")).toMatchObject({ msg: "delivery failed", code: "550 5.1.1", endsAttempt: 1 });
    for (const word of ["example.test", "user-a", "user-b", "Title", "It happened"])
      expect(JSON.stringify(here.at.lines)).not.toContain(word);
  });
});
