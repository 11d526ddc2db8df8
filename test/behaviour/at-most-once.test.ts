/** A category whose mails may be sent at most once, beside one whose mails may be repeated; their worker is killed while both are with the server. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

/** A lease of 17 s has to run out, and processes to come back. */
const LONG = { timeout: 60_000 };

let sink: Sink;
let world: World;
beforeAll(async () => {
  sink = await openSink();
  world = await startWorld({ env: { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port) } });
});
afterAll(async () => {
  await world.stop();
  await sink.close();
});

it("a mail that nobody knows the end of is given up in the one, and sent again in the other; both say so", async () => {
  const category = { name: "codes", atMostOnce: true };
  const before = clientsOf(world.url);
  expect((await before.preferences.setCategory({ category })).category).toMatchObject(category);
  expect((await before.preferences.listCategories({})).categories).toMatchObject([category]);
  let isSilent = true;
  sink.ponder = () => (isSilent ? new Promise(() => {}) : undefined);
  const send = async (category: string) => {
    const content = { title: category, body: "It happened." };
    const recipients = [{ email: `${category}@example.test` }];
    return (await before.ingest.send({ recipients, channels: [Channel.EMAIL], category, content })).notificationId;
  };
  const [once, again] = [await send("codes"), await send("news")];
  await expect.poll(() => sink.byDelivery.size, LONG).toBe(2);
  await world.kill("email-workers");
  isSilent = false;
  await world.heal();

  const { tracker, ingest } = clientsOf(world.url);
  const mailOf = async (notificationId: string) => (await tracker.getNotification({ notificationId })).notification?.deliveries[0];
  await expect.poll(async () => (await mailOf(again))?.status, LONG).toBe(DeliveryStatus.SENT);
  await expect.poll(async () => (await mailOf(once))?.status, LONG).toBe(DeliveryStatus.FAILED);
  expect(await mailOf(again)).toMatchObject({ reason: "send_unresolved" });
  const given = await mailOf(once);
  expect(given).toMatchObject({ reason: "send_unresolved_once" });
  const takenOf = async (id: string) => sink.byDelivery.get((await mailOf(id))?.deliveryId ?? "");
  expect([await takenOf(once), await takenOf(again)]).toEqual([1, 2]);
  const { steps } = await tracker.explain({ notificationId: once });
  expect(steps.find(({ stage }) => stage === "decided")?.sentences.join(" ")).toContain("Its category is sent at most once");
  expect(steps.at(-1)?.sentences.join(" ")).toContain("sent at most once");

  // What is sent without trouble is sent.
  const content = { title: "codes", body: "Again." };
  const { notificationId } = await ingest.send({
    recipients: [{ email: "codes@example.test" }],
    channels: [Channel.EMAIL],
    category: "codes",
    content,
  });
  await expect.poll(async () => (await mailOf(notificationId))?.status, LONG).toBe(DeliveryStatus.SENT);
});
