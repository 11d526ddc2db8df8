/** Time, from the outside: what is sent later, canceled before, muted for a while, and held back until quiet hours end. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Channel, DeliveryStatus, NotificationStatus, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import { CancelOutcome, type SendResponse, type SendResult } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { clientsOf, getJson, post } from "../world/clients.ts";
import { sharedWorld, type World } from "../world/world.ts";

let world: World;
let clients: ReturnType<typeof clientsOf>;
beforeAll(async () => {
  world = await sharedWorld();
  clients = clientsOf(world.url);
});
afterAll(() => world.stop());

const HOUR_MS = 3_600_000;
const inMs = (ms: number) => timestampFromMs(Date.now() + ms);
const read = async (notificationId: string) => (await clients.tracker.getNotification({ notificationId })).notification;
const statuses = async (notificationId: string) => (await read(notificationId))?.deliveries.map(({ channel, status }) => [channel, status]);
const explained = async (notificationId: string) => (await clients.tracker.explain({ notificationId })).steps;
const told = async (notificationId: string) => (await explained(notificationId)).flatMap(({ sentences }) => sentences).join(" ");
const until = (notificationId: string, status: NotificationStatus) =>
  expect.poll(async () => (await read(notificationId))?.status, { timeout: 15_000 }).toBe(status);
const mailsOf = async (subject: string) => {
  const { messages } = (await getJson(`${world.url}/dev/mail/messages`)).body as { messages: { subject: string }[] };
  return messages.filter((mail) => mail.subject === subject).length;
};
const inbox = async (userId: string) => (await clients.inbox.listMessages({ userId })).messages.map(({ title }) => title);
/** In UTC, "HH:MM". */
const clockIn = (ms: number) => new Date(Date.now() + ms).toISOString().slice(11, 16);
/** Hours that hold now and end in two to three hours. */
const holdQuiet = (userId: string) =>
  clients.preferences.setQuietHours({ userId, quietHours: { start: clockIn(-2 * HOUR_MS), end: clockIn(3 * HOUR_MS) }, timeZone: "UTC" });

describe("a notification with send_at", () => {
  it("is acknowledged and read at once, and sent when its time has come, with the preferences of then", async () => {
    const userId = "later";
    await clients.preferences.upsertPerson({ userId, email: "later@example.test" });
    const sendAt = inMs(1_500);
    const { notificationId } = await clients.ingest.send({ recipients: [{ userId }], content: { title: "Later" }, sendAt });
    const parked = await read(notificationId);
    expect(parked).toMatchObject({ status: NotificationStatus.PROCESSING, deliveries: [] });
    expect(Number(parked?.expiresAtMs) - Number(parked?.sendAtMs)).toBe(72 * HOUR_MS);
    expect(await told(notificationId)).toContain("It is scheduled for 2");
    await clients.preferences.setCategoryPreference({ userId, preference: { category: "general", channels: [Channel.WEB] } });
    await until(notificationId, NotificationStatus.SENT);
    expect(await statuses(notificationId)).toEqual([
      [Channel.EMAIL, DeliveryStatus.SKIPPED],
      [Channel.WEB, DeliveryStatus.SENT],
    ]);
    const sentMs = Number((await read(notificationId))?.deliveries[1]?.updatedAtMs);
    expect(sentMs).toBeGreaterThanOrEqual(Number(parked?.sendAtMs));
    expect(await inbox(userId)).toEqual(["Later"]);
  });

  it("is taken by every door", async () => {
    const at = new Date(Date.now() + 48 * HOUR_MS);
    const event = await post(`${world.url}/api/v1/notifications`, {
      ...{ user_id: "ann", event_type: "post.liked", content: "Later", send_at: at.toISOString() },
    });
    const legacy = await post(`${world.url}/notification_service/api/notifications`, {
      ...{ type: "EMAIL", content: "Later", userId: "ann", sendAt: Math.floor(at.getTime() / 1_000) },
    });
    expect(legacy.body).toMatchObject({ status: "PROCESSING", sendAt: Math.floor(at.getTime() / 1_000) });
    const broadcast = await post(`${world.url}/notify`, { message: "Later", send_at: at.toISOString() });
    const { results } = await clients.ingest.sendBatch({
      notifications: [{ recipients: [{ userId: "ann" }], content: { title: "Later" }, sendAt: timestampFromMs(at.getTime()) }],
    });
    const ids = [
      event.body.id,
      legacy.body.id,
      broadcast.body.notifications[0].id,
      ((results[0] as SendResult).result.value as SendResponse).notificationId,
    ];
    for (const id of ids) {
      expect(Number((await read(id))?.sendAtMs)).toBeGreaterThan(Date.now() + 47 * HOUR_MS);
      expect((await clients.ingest.cancel({ notificationId: id })).outcome).toBe(CancelOutcome.CANCELED);
    }
  });

  it.each([
    ["more than 180 days ahead", { sendAt: inMs(181 * 24 * HOUR_MS) }, "send_at"],
    ["that expires before", { sendAt: inMs(2 * HOUR_MS), expiresAt: inMs(HOUR_MS) }, "expires_at"],
    ["that lives longer than 6 days from then", { sendAt: inMs(HOUR_MS), expiresAt: inMs(146 * HOUR_MS) }, "expires_at"],
  ])("%s is refused, naming the field", async (_what, times, field) => {
    const refused = clients.ingest.send({ recipients: [{ userId: "ann" }], content: { title: "No" }, ...times });
    const { violations } = await refused.then(() => expect.fail("was taken"), problemFrom);
    expect(violations.map((each) => each.field)).toEqual([field]);
  });

  it("keeps its time over the death of who keeps it", async () => {
    const { notificationId } = await clients.ingest.send({
      recipients: [{ userId: "bo" }],
      content: { title: "After all" },
      sendAt: inMs(2_000),
    });
    await until(notificationId, NotificationStatus.PROCESSING);
    await world.kill("scheduler");
    await world.heal();
    clients = clientsOf(world.url);
    await until(notificationId, NotificationStatus.SENT);
    expect(await mailsOf("After all")).toBe(1);
  });
});

describe("canceling", () => {
  it("before sending: nothing is sent, everything says so, and saying it twice changes nothing", async () => {
    const { notificationId } = await clients.ingest.send({
      recipients: [{ userId: "ann" }],
      content: { title: "Never" },
      sendAt: inMs(1_000),
    });
    expect(await clients.ingest.cancel({ notificationId })).toMatchObject({ outcome: CancelOutcome.CANCELED, tooLate: [] });
    expect(await clients.ingest.cancel({ notificationId })).toMatchObject({ outcome: CancelOutcome.CANCELED, tooLate: [] });
    await until(notificationId, NotificationStatus.CANCELED);
    expect(await told(notificationId)).toContain("The sender canceled it");
    // Due, it is decided and goes no further.
    await expect
      .poll(() => statuses(notificationId), { timeout: 15_000 })
      .toEqual([
        [Channel.EMAIL, DeliveryStatus.CANCELED],
        [Channel.WEB, DeliveryStatus.CANCELED],
      ]);
    expect((await read(notificationId))?.status).toBe(NotificationStatus.CANCELED);
    expect(await mailsOf("Never")).toBe(0);
    expect(await inbox("ann")).not.toContain("Never");
  });

  it("after sending: too late, and the answer names what was sent", async () => {
    const { notificationId } = await clients.ingest.send({ recipients: [{ userId: "ann" }], content: { title: "Gone" } });
    await until(notificationId, NotificationStatus.SENT);
    const answer = await clients.ingest.cancel({ notificationId });
    expect(answer.outcome).toBe(CancelOutcome.TOO_LATE);
    expect(answer.tooLate.map(({ userId, channel, underWay }) => [userId, channel, underWay])).toEqual([
      ["ann", Channel.EMAIL, false],
      ["ann", Channel.WEB, false],
    ]);
    expect((await read(notificationId))?.status).toBe(NotificationStatus.SENT);
  });

  it("what this environment does not know is not found", async () => {
    const unknown = clients.ingest.cancel({ notificationId: "01a1fd71-8461-72ae-95cc-ac4d6a7a9642" });
    await expect(unknown).rejects.toMatchObject({ code: Code.NotFound });
    await expect(clients.ingest.cancel({ notificationId: "not an id" })).rejects.toMatchObject({ code: Code.InvalidArgument });
  });
});

describe("in a person's quiet hours", () => {
  it("a notification waits until they end, and Explain says until when", async () => {
    await holdQuiet("sleeper");
    const { notificationId } = await clients.ingest.send({
      recipients: [{ userId: "sleeper" }],
      content: { title: "Morning" },
      channels: [Channel.WEB],
    });
    await expect.poll(() => statuses(notificationId)).toContainEqual([Channel.WEB, DeliveryStatus.DEFERRED]);
    const delivery = (await read(notificationId))?.deliveries.find(({ channel }) => channel === Channel.WEB);
    const dueAtMs = Number(delivery?.dueAtMs);
    expect(delivery).toMatchObject({ reason: "quiet_hours", attempts: 0 });
    expect(dueAtMs).toBeGreaterThan(Date.now() + 2 * HOUR_MS);
    expect(await told(notificationId)).toContain(`That is until ${new Date(dueAtMs).toISOString().slice(0, 16).replace("T", " ")}:00 UTC.`);
    expect(await inbox("sleeper")).toEqual([]);
    expect((await clients.ingest.cancel({ notificationId })).outcome).toBe(CancelOutcome.CANCELED);
    await until(notificationId, NotificationStatus.CANCELED);
  });

  it("a critical one passes, and one that would expire before is not sent", async () => {
    await holdQuiet("sleeper");
    const to = { recipients: [{ userId: "sleeper" }], channels: [Channel.WEB] };
    const critical = await clients.ingest.send({ ...to, content: { title: "Fire" }, priority: Priority.CRITICAL });
    await until(critical.notificationId, NotificationStatus.SENT);
    expect(await told(critical.notificationId)).toContain("passes them");
    const brief = await clients.ingest.send({ ...to, content: { title: "Brief" }, expiresAt: inMs(HOUR_MS) });
    await expect.poll(() => statuses(brief.notificationId)).toContainEqual([Channel.WEB, DeliveryStatus.EXPIRED]);
    expect(await told(brief.notificationId)).toContain("It expires before the person's quiet hours end.");
    expect(await inbox("sleeper")).toEqual(["Fire"]);
  });

  it("hours are kept with their zone, and removed", async () => {
    const { preferences } = clients;
    await preferences.setQuietHours({ userId: "zoned", quietHours: { start: "22:00", end: "07:00" }, timeZone: "Asia/Kathmandu" });
    expect(await preferences.getPreferences({ userId: "zoned" })).toMatchObject({
      ...{ quietHours: { start: "22:00", end: "07:00", days: [] }, timeZone: "Asia/Kathmandu" },
    });
    expect((await preferences.setQuietHours({ userId: "zoned" })).quietHours).toBeUndefined();
    await expect(preferences.setQuietHours({ userId: "zoned", quietHours: { start: "7:00", end: "22:00" } })).rejects.toMatchObject({
      code: Code.InvalidArgument,
    });
  });
});

it("a category muted for a while is skipped, and Explain names the end", async () => {
  const mutedUntilMs = BigInt(Date.now() + HOUR_MS);
  await clients.preferences.setCategoryPreference({ userId: "ann", preference: { category: "offers", mutedUntilMs } });
  const { notificationId } = await clients.ingest.send({
    recipients: [{ userId: "ann" }],
    category: "offers",
    content: { title: "Half price" },
  });
  await until(notificationId, NotificationStatus.SKIPPED);
  const skipped = (await explained(notificationId)).find(({ stage }) => stage === "skipped");
  expect(skipped?.reasons).toEqual(["category_muted_until"]);
  expect(skipped?.sentences.join(" ")).toContain(`until ${new Date(Number(mutedUntilMs)).toISOString().slice(0, 10)}`);
});
