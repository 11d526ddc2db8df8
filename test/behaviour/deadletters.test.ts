/** Dead letters from the outside: a mail that the server refuses for good measure is kept, replayed twice at once, and arrives once. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { DeliveryStatus, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { ReplayResult_Outcome as Outcome } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

let sink: Sink;
let world: World;
beforeAll(async () => {
  sink = await openSink();
  world = await startWorld({
    env: {
      CARILLON_EMAIL_SMTP_HOST: "127.0.0.1",
      CARILLON_EMAIL_SMTP_PORT: String(sink.port),
      CARILLON_MAX_RETRY_COUNT: "0",
    },
  });
});
afterAll(async () => {
  await world?.stop();
  await sink?.close();
});

it("a mail that died is replayed twice at once, delivered once, and its timeline tells both lives", async () => {
  const { ingest, tracker, deadLetters } = clientsOf(world.url);
  sink.refuse = () => ({ code: 451, text: "Try again never" });
  const { notificationId } = await ingest.send({ recipients: [{ email: "ann@example.test" }], content: { title: "Late" } });
  const find = async () => (await deadLetters.listDeadLetters({ filter: { notificationId } })).deadLetters;
  await expect.poll(async () => (await find()).length).toBe(1);
  const [letter] = await find();
  expect(letter).toMatchObject({ queue: "dlq-email", reason: "attempts_exhausted", detail: expect.stringContaining("Try again never") });
  const id = letter?.id as string;
  expect((await deadLetters.getDeadLetter({ id })).decoded).toMatchObject({ content: { title: "Late" } });
  const status = async () => (await tracker.getNotification({ notificationId })).notification;
  expect(await status()).toMatchObject({ status: NotificationStatus.FAILED, deliveries: [{ status: DeliveryStatus.DEAD }, {}] });

  sink.refuse = () => undefined;
  const both = await Promise.all([deadLetters.replayDeadLetters({ ids: [id] }), deadLetters.replayDeadLetters({ ids: [id] })]);
  expect(both.flatMap(({ results }) => results.map(({ outcome }) => outcome))).toContain(Outcome.REPLAYED);
  await expect.poll(async () => (await status())?.status).toBe(NotificationStatus.SENT);
  const { steps } = await tracker.explain({ notificationId });
  expect(steps.map(({ stage }) => stage)).toEqual(expect.arrayContaining(["dead", "queued", "sent"]));
  expect(steps.flatMap(({ sentences }) => sentences)).toContain("This is a replay of its dead letter.");
  // Whatever the second replay did has passed the same lane before this.
  const after = await ingest.send({ recipients: [{ email: "ann@example.test" }], content: { title: "After" } });
  await expect
    .poll(async () => (await tracker.getNotification({ notificationId: after.notificationId })).notification?.status)
    .toBe(NotificationStatus.SENT);
  expect([...sink.byDelivery.values()]).toEqual([1, 1]);
  expect((await deadLetters.replayDeadLetters({ ids: [id] })).results).toMatchObject([{ outcome: Outcome.SETTLED_BEFORE }]);
});
