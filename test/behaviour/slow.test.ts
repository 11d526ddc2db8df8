/** An SMTP server that takes a whole mail and thinks about it for longer than a send may take to be handed over. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { Channel, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

/** Longer than the 12 s for handing over and the 17 s of a lease. */
const PONDERED_MS = 20_000;

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

it("a mail whose answer takes 20 s is sent once, by one attempt, and others are not kept waiting", async () => {
  const answered: string[] = [];
  sink.ponder = (address) =>
    address === "slow@example.test"
      ? new Promise((resolve) => setTimeout(resolve, PONDERED_MS)).then(() => void answered.push(address))
      : undefined;
  const { ingest, tracker } = clientsOf(world.url);
  const send = async (email: string) => {
    const content = { title: "Hello", body: "It happened." };
    const { notificationId } = await ingest.send({ recipients: [{ email }], channels: [Channel.EMAIL], content });
    return notificationId;
  };
  const statusOf = async (notificationId: string) => (await tracker.getNotification({ notificationId })).notification?.status;

  const slow = await send("slow@example.test");
  await expect.poll(() => sink.byDelivery.size).toBe(1);
  const quick = await Promise.all(Array.from({ length: 50 }, (_, index) => send(`quick-${index}@example.test`)));
  for (const id of quick) await expect.poll(() => statusOf(id)).toBe(NotificationStatus.SENT);
  expect(answered).toEqual([]);
  await expect.poll(() => statusOf(slow), { timeout: PONDERED_MS + 10_000 }).toBe(NotificationStatus.SENT);
  expect(answered).toHaveLength(1);
  const { notification } = await tracker.getNotification({ notificationId: slow });
  const mail = notification?.deliveries.find(({ channel }) => channel === Channel.EMAIL);
  expect(mail).toMatchObject({ attempts: 1, reason: "accepted_by_provider" });
  expect([...sink.byDelivery.values()]).toEqual(Array(51).fill(1));
});
