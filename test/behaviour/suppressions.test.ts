/** Suppressions, from the outside: once one is answered nothing is sent, wherever the notification is by then. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Channel, DeliveryStatus, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { clientsOf, getJson } from "../world/clients.ts";
import { sharedWorld, type World } from "../world/world.ts";

const { COMPLAINT } = SuppressionReason;
const EMAIL = Channel.EMAIL;

let world: World;
let clients: ReturnType<typeof clientsOf>;
beforeAll(async () => {
  world = await sharedWorld();
  clients = clientsOf(world.url);
});
afterAll(() => world.stop());

const read = async (notificationId: string) => (await clients.tracker.getNotification({ notificationId })).notification;
const until = (notificationId: string, status: NotificationStatus) =>
  expect.poll(async () => (await read(notificationId))?.status, { timeout: 15_000 }).toBe(status);
const told = async (notificationId: string) =>
  (await clients.tracker.explain({ notificationId })).steps.flatMap(({ sentences }) => sentences).join(" ");
const mailsOf = async (subject: string) => {
  const { messages } = (await getJson(`${world.url}/dev/mail/messages`)).body as { messages: { subject: string }[] };
  return messages.filter((mail) => mail.subject === subject).length;
};

describe("what is suppressed", () => {
  it("as an address is skipped and explained, to a person and bare; other channels go on, and it ends with the entry", async () => {
    const who = { channel: EMAIL, address: "complainer@example.test" };
    await clients.preferences.upsertPerson({ userId: "complainer", email: "Complainer@example.test" });
    await clients.preferences.addSuppression({ who, reason: COMPLAINT });
    const content = { title: "To a complainer" };
    const own = await clients.ingest.send({ recipients: [{ userId: "complainer" }], content });
    const bare = await clients.ingest.send({ recipients: [{ email: "COMPLAINER@example.test" }], content });
    await until(own.notificationId, NotificationStatus.SENT);
    await until(bare.notificationId, NotificationStatus.SKIPPED);
    expect((await read(own.notificationId))?.deliveries).toMatchObject([
      { channel: EMAIL, status: DeliveryStatus.SKIPPED, reason: "suppressed_complaint" },
      { channel: Channel.WEB, status: DeliveryStatus.SENT },
    ]);
    expect(await told(bare.notificationId)).toContain("after a complaint about an earlier message");
    expect((await clients.preferences.listSuppressions({ who })).suppressions).toMatchObject([{ who, reason: COMPLAINT }]);
    expect((await clients.preferences.removeSuppression({ who })).removed).toBe(true);
    const after = await clients.ingest.send({ recipients: [{ userId: "complainer" }], content: { title: "Made up" } });
    await until(after.notificationId, NotificationStatus.SENT);
    await expect.poll(() => mailsOf("Made up")).toBe(1);
    expect(await mailsOf("To a complainer")).toBe(0);
  });

  it("after it was accepted for later is not sent when its time comes", async () => {
    const userId = "suppressed-while-waiting";
    await clients.preferences.upsertPerson({ userId, email: "waiting@example.test" });
    const { notificationId } = await clients.ingest.send({
      ...{ recipients: [{ userId }], content: { title: "Suppressed while waiting" }, sendAt: timestampFromMs(Date.now() + 1_500) },
    });
    await clients.preferences.addSuppression({ who: { userId }, reason: COMPLAINT });
    await until(notificationId, NotificationStatus.SKIPPED);
    expect((await clients.inbox.listMessages({ userId })).messages).toEqual([]);
    expect(await mailsOf("Suppressed while waiting")).toBe(0);
  });

  it("in the middle of a stream of sends gets nothing that was asked for after the answer, and each ends", async () => {
    const userId = "suppressed-in-the-stream";
    await clients.preferences.upsertPerson({ userId, email: "stream@example.test" });
    const send = async (title: string) => (await clients.ingest.send({ recipients: [{ userId }], content: { title } })).notificationId;
    const before = await Promise.all(Array.from({ length: 10 }, () => send("Before the answer")));
    await clients.preferences.addSuppression({ who: { userId }, reason: COMPLAINT });
    const after = await Promise.all(Array.from({ length: 10 }, () => send("After the answer")));
    for (const id of after) await until(id, NotificationStatus.SKIPPED);
    for (const id of before)
      await expect
        .poll(async () => (await read(id))?.status, { timeout: 15_000 })
        .toSatisfy((status) => status === NotificationStatus.SENT || status === NotificationStatus.SKIPPED);
    expect(await mailsOf("After the answer")).toBe(0);
    expect((await clients.inbox.listMessages({ userId })).messages.filter(({ title }) => title === "After the answer")).toEqual([]);
  });
});
