/** Erasure, from the outside: a send at every stage of its way when the person is erased, what is left of them, and who comes after. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Channel, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { ReplayResult_Outcome as Outcome } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { CancelOutcome } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

describe("a person who is erased", () => {
  let sink: Sink;
  let world: World;
  let clients: ReturnType<typeof clientsOf>;
  beforeAll(async () => {
    sink = await openSink();
    const env = { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port), CARILLON_MAX_RETRY_COUNT: "1" };
    world = await startWorld({ env });
    clients = clientsOf(world.url);
  });
  afterAll(async () => {
    await world?.stop();
    await sink?.close();
  });

  const status = async (notificationId: string) => (await clients.tracker.getNotification({ notificationId })).notification?.status;
  const until = (notificationId: string, wanted: NotificationStatus) => expect.poll(() => status(notificationId)).toBe(wanted);
  const known = (userId: string, email: string) => clients.preferences.upsertPerson({ userId, email, name: "Nobody else" });
  const letters = async (userId: string) => (await clients.deadLetters.listDeadLetters({ filter: { userId } })).deadLetters;
  const titles = async (userId: string) => (await clients.inbox.listMessages({ userId })).messages.map(({ title }) => title);
  const mails = (title: string) => sink.mails.filter((mail) => mail.includes(`Subject: ${title}`)).length;

  it("gets nothing that was accepted before, at whatever stage it was, and is a new person afterwards", async () => {
    const userId = "erased-on-the-way";
    const email = "erased@example.test";
    await known(userId, email);
    const send = async (title: string, more: object = {}) =>
      (await clients.ingest.send({ recipients: [{ userId }], content: { title }, ...more })).notificationId;

    const sent = await send("Delivered before");
    await until(sent, NotificationStatus.SENT);
    let refused = 0;
    sink.refuse = () => {
      refused++;
      return { code: 451, text: "Not now" };
    };
    await send("Refused until it is dead", { channels: [Channel.EMAIL] });
    await expect.poll(async () => (await letters(userId)).length, { timeout: 20_000 }).toBe(1);
    await send("Waiting for another try", { channels: [Channel.EMAIL] });
    await expect.poll(() => refused, { timeout: 10_000 }).toBe(3);
    sink.refuse = () => undefined;
    const scheduled = await send("Scheduled", { sendAt: timestampFromMs(Date.now() + 4_000) });

    const { erasedAtMs, done } = await clients.preferences.erasePerson({ userId });
    expect(done).toBe(true);
    expect(Number(erasedAtMs)).toBeLessThanOrEqual(Date.now());
    const before = sink.mails.length;

    expect(await status(sent)).toBe(NotificationStatus.ERASED);
    expect((await clients.tracker.explain({ notificationId: sent })).steps.map(({ stage }) => stage)).toEqual(["erased"]);
    expect(await clients.ingest.cancel({ notificationId: sent })).toMatchObject({ outcome: CancelOutcome.TOO_LATE, tooLate: [] });
    expect(await titles(userId)).toEqual([]);
    expect((await clients.tracker.listNotifications({ userId })).notifications).toEqual([]);
    expect(problemFrom(await clients.preferences.getPerson({ userId }).catch((error) => error)).reason).toBe("NOT_FOUND");
    const [letter] = await letters(userId);
    const { results } = await clients.deadLetters.replayDeadLetters({ ids: [letter?.id as string] });
    expect(results).toMatchObject([{ outcome: Outcome.REFUSED, reason: "erased" }]);

    await known(userId, "new@example.test");
    const fresh = await send("To a new person");
    await until(fresh, NotificationStatus.SENT);
    expect(await titles(userId)).toEqual(["To a new person"]);
    // What was scheduled and what waited have come due by the time that something scheduled for the same moment was sent.
    const marker = await send("Marker", { sendAt: timestampFromMs(Date.now() + 6_000) });
    await expect.poll(() => status(marker), { timeout: 20_000 }).toBe(NotificationStatus.SENT);
    expect(mails("Scheduled")).toBe(0);
    expect(mails("Waiting for another try")).toBe(0);
    expect(sink.mails.length - before).toBe(2);
    const left = (await clients.tracker.listNotifications({ userId })).notifications.map(({ notificationId }) => notificationId);
    expect(left.sort()).toEqual([fresh, marker].sort());
    expect(left).not.toContain(scheduled);
  });

  it("leaves others who were told of the same thing as they are", async () => {
    await known("stays", "stays@example.test");
    const recipients = [{ userId: "stays" }, { userId: "goes" }];
    const { notificationId } = await clients.ingest.send({ recipients, channels: [Channel.WEB], content: { title: "To both" } });
    await until(notificationId, NotificationStatus.SENT);
    expect((await clients.preferences.erasePerson({ userId: "goes" })).done).toBe(true);
    const { notification } = await clients.tracker.getNotification({ notificationId });
    expect(notification?.recipients).toMatchObject([{ userId: "stays" }]);
    expect(notification?.deliveries.map(({ userId }) => userId)).not.toContain("goes");
    expect(await titles("stays")).toEqual(["To both"]);
    expect(await titles("goes")).toEqual([]);
    expect((await clients.preferences.erasePerson({ userId: "goes" })).done).toBe(true);
  });
});
