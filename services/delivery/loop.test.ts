import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { ContentSchema, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { DeadLetterSchema, type Delivery, DeliveryEventSchema, DeliverySchema, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import type { RunningStage } from "#platform/stage/runner.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { emailLoop } from "./loop.ts";
import { smtpSender } from "./providers/email/smtp.ts";
import type { Sender } from "./sender.ts";
import { openServer, type TestServer } from "./smtp.fixture.ts";
import { deliveryMetrics } from "./telemetry.ts";

const HOUR = 3_600_000;
const { SENT, FAILED, DEAD, EXPIRED, DEFERRED } = DeliveryStatus;

let at: Trial;
let server: TestServer;
let ledger: Ledger;
let sender: Sender;
const senders: Sender[] = [];
const appended = new Set<string>();

beforeEach(async () => {
  appended.clear();
  at = trial(topics.all);
  server = await openServer();
  ledger = memoryLedger({ clock: at.clock });
  sender = to(server.port);
});
afterEach(async () => {
  for (const each of senders.splice(0)) await each.close();
  await server.close();
  await at.end();
});

function to(port: number): Sender {
  const made = smtpSender({ host: "127.0.0.1", port, tls: "off", connections: 5 });
  senders.push(made);
  return made;
}

const run = (more: { ledger?: Ledger; worker?: string; maxRetryCount?: number } = {}): Promise<RunningStage> =>
  at.run(
    emailLoop({
      ...{ ledger, sender, clock: at.clock, logger: at.logger, metrics: deliveryMetrics(at.metrics, "email"), worker: "w-1" },
      ...{ from: { name: "Carillon", address: "notifications@carillon.localhost" }, maxRetryCount: 3 },
      ...more,
    }),
  );

const deliveryOf = (id: string, more: MessageInitShape<typeof DeliverySchema> = {}): Delivery =>
  create(DeliverySchema, {
    ...{ deliveryId: id, notificationId: `n-${id}`, environment: "development", userId: `user-${id}`, channel: 1, cycle: 1 },
    ...{ target: `${id}@example.test`, expiresAtMs: BigInt(at.clock.nowMs() + 72 * HOUR) },
    content: toBinary(ContentSchema, create(ContentSchema, { title: `Title ${id}`, body: "It happened." })),
    ...more,
  });
const put = (...deliveries: Delivery[]) =>
  at.log.append(
    deliveries.map((each) => ({ topic: topics.email.medium, key: `development/${each.userId}`, value: toBinary(DeliverySchema, each) })),
  );
const events = async (id: string) =>
  (await at.records(topics.deliveryEvents))
    .map(({ value }) => fromBinary(DeliveryEventSchema, value))
    .filter(({ deliveryId }) => deliveryId === id);
const statuses = async (id: string) => (await events(id)).map(({ status, reason, attempt }) => [status, reason, attempt]);
const until = (id: string, status: DeliveryStatus, count = 1) =>
  vi.waitFor(async () => expect((await events(id)).filter((event) => event.status === status)).toHaveLength(count), 5_000);
const scheduled = async () => (await at.records(topics.schedule)).map(({ value }) => fromBinary(ScheduledSchema, value));
const letters = async () => (await at.records(topics.deadEmail)).map(({ value }) => fromBinary(DeadLetterSchema, value));

/** What the scheduler does: appends what is due, once per id. Answers how many. */
async function schedule(): Promise<number> {
  const due = (await scheduled()).filter(({ id, dueAtMs }) => Number(dueAtMs) <= at.clock.nowMs() && !appended.has(id));
  for (const { id, topic, key, value } of due) {
    appended.add(id);
    await at.log.append([{ topic: topics.topicNamed(topic) as topics.Topic, key, value }]);
  }
  return due.length;
}
async function pass(ms: number): Promise<void> {
  await at.clock.advance(ms);
  await schedule();
}

describe("a delivery by email", () => {
  it("is sent, and says so with the provider's words", async () => {
    await run();
    await put(deliveryOf("a"));
    await until("a", SENT);
    const [event] = await events("a");
    expect(event).toMatchObject({ reason: "accepted_by_provider", attempt: 1, provider: "smtp", target: "a@example.test" });
    expect(event?.detail).toMatch(/^250/);
    expect(server.mails).toHaveLength(1);
    expect(server.mails[0]?.raw).toMatch(/^Message-ID: <a@carillon.localhost>\r?$/m);
    expect(server.mails[0]?.raw).toMatch(/^X-Carillon-Delivery: a\r?$/m);
    expect(server.mails[0]?.raw).toMatch(/^X-Carillon-Notification: n-a\r?$/m);
    expect(server.mails[0]?.raw).toMatch(/^Subject: Title a\r?$/m);
    expect(await at.metric("carillon_deliveries_total")).toEqual({ "email sent": 1 });
  });

  it("refused for good is failed: one event, no retry, no dead letter, and others are sent all the same", async () => {
    server.recipient = (address) => (address === "b@example.test" ? { code: 550, text: "5.1.1 No such user" } : undefined);
    await run();
    await put(deliveryOf("a"), deliveryOf("b"), deliveryOf("c"));
    await Promise.all([until("a", SENT), until("b", FAILED), until("c", SENT)]);
    expect(await statuses("b")).toEqual([[FAILED, "refused_by_provider", 1]]);
    expect((await events("b"))[0]?.detail).toBe("550 5.1.1 No such user");
    expect(await scheduled()).toEqual([]);
    expect(await letters()).toEqual([]);
  });

  it("refused for now is tried again after 5 s, 1 m and 10 m, then dead, with the whole original kept", async () => {
    server.message = () => ({ code: 451, text: "4.3.0 Try later" });
    await run();
    await put(deliveryOf("a"));
    for (const [round, waitMs] of [5_000, 60_000, 600_000].entries()) {
      await until("a", DEFERRED, round + 1);
      const last = (await scheduled())[round];
      expect(Number(last?.dueAtMs) - at.clock.nowMs()).toBe(waitMs);
      expect(last?.topic).toBe("email-notifications");
      expect(fromBinary(DeliverySchema, last?.value as Uint8Array)).toMatchObject({ deliveryId: "a", attempt: round + 1, wait: 0 });
      await pass(waitMs);
    }
    await until("a", DEAD);
    expect(await statuses("a")).toEqual([
      ...[1, 2, 3].map((attempt) => [DEFERRED, "temporarily_refused", attempt]),
      [DEAD, "attempts_exhausted", 4],
    ]);
    expect(server.received).toBe(4);
    const [letter, ...more] = await letters();
    expect(more).toEqual([]);
    expect(letter).toMatchObject({ stage: "email-workers", reason: "attempts_exhausted", topic: "email-notifications" });
    expect(fromBinary(DeliverySchema, letter?.value as Uint8Array)).toMatchObject({ deliveryId: "a", attempt: 3 });
  });

  it("with no retries allowed dies at the first refusal for now", async () => {
    server.recipient = () => ({ code: 450 });
    await run({ maxRetryCount: 0 });
    await put(deliveryOf("a"));
    await until("a", DEAD);
    expect(await letters()).toHaveLength(1);
  });

  it.each([
    ["421 at the greeting", () => (server.greet = () => ({ code: 421 })), () => (server.greet = () => undefined)],
    ["452 of a full server", () => (server.recipient = () => ({ code: 452 })), () => (server.recipient = () => undefined)],
    ["421 in place of an answer", () => (server.message = () => ({ code: 421 })), () => (server.message = () => undefined)],
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
    const { port } = server;
    await server.close();
    await run();
    await put(deliveryOf("a"), deliveryOf("b"));
    await Promise.all([until("a", DEFERRED), until("b", DEFERRED)]);
    expect((await events("a"))[0]?.reason).toBe("provider_unavailable");
    server = await openServer({ port });
    await pass(5_000);
    await Promise.all([until("a", SENT), until("b", SENT)]);
    expect(server.mails).toHaveLength(2);
  });

  it("waits when our credentials are refused, since that says nothing about the message", async () => {
    await server.close();
    server = await openServer({ auth: true });
    server.login = () => ({ code: 535, text: "5.7.8 Authentication failed" });
    sender = smtpSender({
      host: "127.0.0.1",
      port: server.port,
      tls: "off",
      connections: 1,
      credentials: { username: "u", password: "p" },
    });
    senders.push(sender);
    await run();
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "provider_unavailable", 0]]);
    server.login = () => undefined;
    await pass(5_000);
    await until("a", SENT);
  });

  it("meets its deadline when the server hangs before the message was handed over: an outage", async () => {
    server.recipient = () => "hang";
    await run();
    await put(deliveryOf("a"));
    await vi.waitFor(() => expect(at.clock.sleepers()).toBeGreaterThan(1));
    await vi.waitFor(async () => {
      await at.clock.advance(4_000);
      expect(await statuses("a")).toEqual([[DEFERRED, "provider_unavailable", 0]]);
    });
    server.recipient = () => undefined;
    await pass(60_000);
    await until("a", SENT);
    expect(server.mails).toHaveLength(1);
  });

  it.each(["hang", "drop"] as const)(
    "that may have been sent (%s after the message) is sent again, once the lease is over",
    async (answer) => {
      server.message = () => answer;
      await run();
      await put(deliveryOf("a"));
      await vi.waitFor(() => expect(server.received).toBe(1));
      if (answer === "hang") await at.clock.advance(12_000);
      await until("a", DEFERRED);
      expect(await statuses("a")).toEqual([[DEFERRED, "outcome_unknown", 1]]);
      server.message = () => undefined;
      await pass(4_000);
      expect(server.received).toBe(1);
      await pass(13_000);
      await until("a", SENT);
      expect((await events("a")).at(-1)).toMatchObject({ reason: "send_unresolved", attempt: 2 });
      expect(server.mails).toHaveLength(1);
    },
  );

  it("that may have been sent is not handed over more often than attempts are allowed", async () => {
    server.message = () => "drop";
    await run({ maxRetryCount: 1 });
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    await pass(17_000);
    await until("a", DEAD);
    expect(server.received).toBe(2);
    expect(await letters()).toHaveLength(1);
  });

  it("past its expiry is not sent", async () => {
    await run();
    await put(deliveryOf("a", { expiresAtMs: BigInt(at.clock.nowMs()) }));
    await until("a", EXPIRED);
    expect(await statuses("a")).toEqual([[EXPIRED, "expired", 0]]);
    expect(server.received).toBe(0);
  });

  it("never waits past its expiry", async () => {
    server.greet = () => ({ code: 421 });
    await run();
    await put(deliveryOf("a", { expiresAtMs: BigInt(at.clock.nowMs() + 3_000) }));
    await until("a", EXPIRED);
    expect(await scheduled()).toEqual([]);
  });

  it("whose record comes twice is sent once and told once", async () => {
    await run();
    await put(deliveryOf("a"), deliveryOf("a"));
    await put(deliveryOf("a"));
    await until("a", SENT, 3);
    await vi.waitFor(async () => expect(await at.log.lag("email-workers", [topics.email.medium])).toBe(0));
    expect(server.mails).toHaveLength(1);
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
    expect(server.received).toBe(0);
  });

  it("keeps the order of a person's mails, and lets others pass by", async () => {
    const slow: (() => void)[] = [];
    sender = {
      ...sender,
      send: async (mail, signal) => {
        if (mail.to === "p0@example.test") await new Promise<void>((resolve) => slow.push(resolve));
        return senders[0]?.send(mail, signal) as ReturnType<Sender["send"]>;
      },
    };
    await run();
    const first = Array.from({ length: 4 }, (_, index) => deliveryOf(`p${index}`, { userId: "ann" }));
    await put(...first, ...Array.from({ length: 30 }, (_, index) => deliveryOf(`q${index}`)));
    await vi.waitFor(() => expect(server.mails).toHaveLength(30));
    expect(server.mails.filter(({ to: address }) => address.startsWith("p"))).toEqual([]);
    slow[0]?.();
    await vi.waitFor(() => expect(server.mails).toHaveLength(34));
    expect(server.mails.slice(30).map(({ to: address }) => address)).toEqual(first.map(({ target }) => target));
  });

  it("never has more sends under way than the sender is wide", async () => {
    let now = 0;
    let most = 0;
    const inner = sender;
    sender = {
      ...inner,
      async send(mail, signal) {
        most = Math.max(most, ++now);
        try {
          return await inner.send(mail, signal);
        } finally {
          now--;
        }
      },
    };
    await run();
    await put(...Array.from({ length: 60 }, (_, index) => deliveryOf(`d${index}`)));
    await vi.waitFor(() => expect(server.mails).toHaveLength(60));
    expect(most).toBe(5);
  });

  it("says nothing of a person in its log lines", async () => {
    server.recipient = (address) => (address === "a@example.test" ? { code: 550, text: `5.1.1 <${address}> unknown` } : undefined);
    await run();
    await put(deliveryOf("a"), deliveryOf("b"));
    await Promise.all([until("a", FAILED), until("b", SENT)]);
    const lines = at.lines.filter(({ deliveryId }) => deliveryId !== undefined);
    expect(lines).toHaveLength(2);
    expect(lines.find(({ deliveryId }) => deliveryId === "a")).toMatchObject({ msg: "delivery failed", code: "550 5.1.1", endsAttempt: 1 });
    for (const word of ["example.test", "user-a", "user-b", "Title", "It happened"]) expect(JSON.stringify(at.lines)).not.toContain(word);
  });
});

describe("when a worker dies", () => {
  const send = (id: string) => ({
    ...{ environment: "development", notificationId: `n-${id}`, deliveryId: id, cycle: 1 },
    target: `${id}@example.test`,
  });
  const leased = (id: string) => ledger.intend([{ ...send(id), attempt: 0, wait: 0, worker: "dead", leaseMs: 17_000 }]);
  const settle = (id: string, state: Parameters<Ledger["settle"]>[0][number]["state"]) =>
    ledger.settle([{ ...send(id), worker: "dead", state }]);

  it("in the middle of a send, the next one waits for the lease once and sends again", async () => {
    await leased("a");
    await run();
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "lease_held", 0]]);
    expect((await scheduled()).map(({ dueAtMs }) => Number(dueAtMs) - at.clock.nowMs())).toEqual([17_000]);
    expect(server.received).toBe(0);
    await pass(17_000);
    await until("a", SENT);
    expect((await events("a")).at(-1)?.reason).toBe("send_unresolved");
    expect(server.received).toBe(1);
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
      expect(server.received).toBe(0);
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
      expect(server.received).toBe(1);
    },
  );

  it("the ids of what is told again are those of the first time", async () => {
    server.message = () => ({ code: 451 });
    await run();
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    await put(deliveryOf("a"));
    await until("a", DEFERRED, 2);
    expect(new Set((await events("a")).map(({ eventId }) => eventId)).size).toBe(1);
    expect(new Set((await scheduled()).map(({ id }) => id)).size).toBe(1);
  });
});

it("an outcome that the ledger does not take at once is told again, and the mail is sent once", async () => {
  let failures = 3;
  const flaky: Ledger = {
    ...ledger,
    settle: (results) => (failures-- > 0 ? Promise.reject(new Error("not now")) : ledger.settle(results)),
  };
  await run({ ledger: flaky });
  await put(deliveryOf("a"));
  await vi.waitFor(async () => {
    await at.clock.advance(500);
    expect(await statuses("a")).toEqual([[SENT, "accepted_by_provider", 1]]);
  });
  expect(failures).toBeLessThan(0);
  expect(server.received).toBe(1);
});
