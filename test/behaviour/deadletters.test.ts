/** Dead letters from the outside: mails that the server refuses for good measure are kept, replayed twice at once, and arrive once. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { DeliveryStatus, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { ReplayResult_Outcome as Outcome, ReplayState } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
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
  await expect.poll(status).toMatchObject({ status: NotificationStatus.FAILED, deliveries: [{ status: DeliveryStatus.DEAD }, {}] });

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

it("what a filter finds is replayed by two who ask at the same time, while others replay it by hand, and each mail arrives once", async () => {
  const { ingest, tracker, deadLetters } = clientsOf(world.url);
  sink.refuse = () => ({ code: 451, text: "Not now" });
  const recipients = ["bo", "cy", "di"].map((name) => ({ email: `${name}@example.test` }));
  const sent = await Promise.all(recipients.map((recipient) => ingest.send({ recipients: [recipient], content: { title: "Many" } })));
  const kept = async () => (await deadLetters.listDeadLetters({ filter: { queue: "dlq-email" } })).deadLetters;
  await expect.poll(async () => (await kept()).length).toBe(3);
  const [letter] = await kept();
  const { way } = await deadLetters.getDeadLetter({ id: letter?.id as string });
  expect(way?.hops.at(-1)).toMatchObject({ stage: "email-workers", provider: "smtp", attempt: 1, reason: "attempts_exhausted" });
  expect(way?.hops.at(-1)?.detail).toContain("Not now");

  sink.refuse = () => undefined;
  const filter = { queue: "dlq-email" };
  const [first, second, again] = await Promise.all([
    deadLetters.createReplay({ filter, idempotencyKey: "first" }),
    deadLetters.createReplay({ filter }),
    deadLetters.createReplay({ filter, idempotencyKey: "first" }),
    deadLetters.replayDeadLetters({ ids: [letter?.id as string] }),
  ]);
  expect(again.replay?.id).toBe(first.replay?.id);
  const ids = [first.replay?.id as string, second.replay?.id as string];
  const replays = () => Promise.all(ids.map(async (id) => (await deadLetters.getReplay({ id })).replay));
  await expect
    .poll(async () => (await replays()).map((each) => each?.state), { timeout: 30_000 })
    .toEqual([ReplayState.DONE, ReplayState.DONE]);
  const replayed = (await replays()).reduce((sum, each) => sum + Number(each?.replayed), 0);
  expect([2, 3]).toContain(replayed);
  for (const { notificationId } of sent)
    await expect.poll(async () => (await tracker.getNotification({ notificationId })).notification?.status).toBe(NotificationStatus.SENT);
  expect(sink.byDelivery.size).toBe(5);
  expect([...sink.byDelivery.values()].every((times) => times === 1)).toBe(true);
  expect(await kept()).toEqual([]);
});

it("a replay outlives the process that carries it out, and ends when it is canceled", async () => {
  const { ingest, deadLetters } = clientsOf(world.url);
  sink.refuse = () => ({ code: 451, text: "Not now" });
  for (const name of ["ed", "fi", "gu"]) await ingest.send({ recipients: [{ email: `${name}@example.test` }], content: { title: "Slow" } });
  await expect.poll(async () => (await deadLetters.listDeadLetters({ filter: { queue: "dlq-email" } })).deadLetters.length).toBe(3);
  const sent = [...sink.byDelivery.keys()];
  sink.refuse = () => undefined;
  const { replay } = await deadLetters.createReplay({ filter: { queue: "dlq-email" }, ratePerSecond: 1 });
  const id = replay?.id as string;
  await expect.poll(async () => Number((await deadLetters.getReplay({ id })).replay?.replayed)).toBeGreaterThan(0);
  await world.kill("deadletters");
  await world.heal();
  const done = async () => (await clientsOf(world.url).deadLetters.getReplay({ id })).replay;
  await expect.poll(async () => (await done())?.state, { timeout: 90_000 }).toBe(ReplayState.DONE);
  const { matched, replayed, gone } = (await done()) ?? {};
  expect([matched, Number(replayed) + Number(gone)]).toEqual([3n, 3]);
  const before = new Set(sent);
  await expect.poll(() => [...sink.byDelivery.keys()].filter((id) => !before.has(id)).length).toBe(3);
  expect((await clientsOf(world.url).deadLetters.cancelReplay({ id })).replay?.state).toBe(ReplayState.DONE);
}, 150_000);
