import { create, fromBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type DeliveryEvent, DeliveryEventSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { NotificationSchema } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { personReached } from "#platform/ledger/reach.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { openTrackerRoom, type TrackerRoom } from "./service.fixture.ts";
import type { HistoryStore } from "./store.ts";
import * as story from "./story.fixture.ts";

const { EMAIL, SENT } = story;
const notificationId = story.NOTIFICATION;

let room: TrackerRoom;
beforeEach(async () => {
  room = await openTrackerRoom();
});
afterEach(() => room.close());

const kept = async (id = notificationId): Promise<DeliveryEvent[]> => {
  const [events = []] = await room.store.eventsOf("development", [id]);
  return events.map((bytes) => fromBinary(DeliveryEventSchema, bytes));
};
/** Everything that is kept of a notification, as text that a name would be found in. */
const said = async () =>
  Buffer.concat(await room.store.eventsOf("development", [notificationId]).then((all) => all.flat())).toString("latin1");
const eraseAll = async (userId: string, acceptedByMs = 1_000n) => {
  let calls = 1;
  while ((await room.tracker.eraseHistory({ userId, acceptedByMs })).more) calls++;
  return calls;
};
const toAnn = story.request({ recipients: [{ userId: "ann" }] });
const erase = (userId: string, atMs: number) =>
  room.ledger.erase({ environment: "development", whom: personReached(userId), atMs, untilMs: 8.64e15 });

it("of a notification that was for nobody else nothing is left", async () => {
  await room.record([story.asked(toAnn), story.decided("ann", [{ channel: EMAIL, send: true, reasons: ["channel_default"] }])]);
  await eraseAll("ann");
  expect(await kept()).toEqual([]);
  expect((await room.tracker.listNotifications({})).notifications).toEqual([]);
  await expect(room.tracker.getNotification({ notificationId })).rejects.toThrow();
});

it("of one that ingest still knows it tells that it was erased, and nothing of what it was or came to", async () => {
  room.acknowledged.set(`development/${notificationId}`, toAnn);
  await room.record([
    story.asked(toAnn),
    story.change("ann", EMAIL, SENT, 2_000n, { attempt: 1, acceptedAtMs: 1_000n, target: "ann@example.test" }),
  ]);
  await erase("ann", 1_000);
  await eraseAll("ann");
  const { notification } = await room.tracker.getNotification({ notificationId });
  expect(notification).toEqual(
    create(NotificationSchema, { notificationId, status: NotificationStatus.ERASED, createdAtMs: 1_000n, updatedAtMs: 1_000n }),
  );
  expect((await room.tracker.explain({ notificationId })).steps).toMatchObject([{ stage: "erased", reasons: ["erased"], userId: "" }]);
  expect((await room.tracker.listAttempts({ notificationId })).attempts).toEqual([]);
  const told: NotificationStatus[] = [];
  for await (const { status } of room.tracker.watchNotification({ notificationId })) told.push(status);
  expect(told).toEqual([NotificationStatus.ERASED]);
});

it("of what only ingest knows it tells the others whom it was for, and of what was accepted after the erasure everything", async () => {
  const requested = story.request({ recipients: [{ userId: "ann" }, { userId: "bo" }], actor: "ann" });
  room.acknowledged.set(`development/${notificationId}`, requested);
  const recipients = async () => (await room.tracker.getNotification({ notificationId })).notification?.recipients;
  await erase("ann", 999);
  expect(await recipients()).toMatchObject([{ userId: "ann" }, { userId: "bo" }]);
  await erase("ann", 1_000);
  expect(await recipients()).toMatchObject([{ userId: "bo" }]);
  expect((await room.tracker.explain({ notificationId })).steps.flatMap(({ sentences }) => sentences).join()).not.toMatch(/\bann\b/);
});

it("from one that was for others too the person is gone, and it stands as if it had been for those alone", async () => {
  await room.record(story.likedStory());
  await eraseAll("ann");
  expect(await said()).not.toContain("ann");
  const { notification } = await room.tracker.getNotification({ notificationId });
  expect(notification?.recipients).toMatchObject([{ userId: "bo" }]);
  expect(notification?.deliveries.map(({ userId }) => userId)).toEqual(["bo", "bo"]);
  expect((await room.tracker.listNotifications({ userId: "ann" })).notifications).toEqual([]);
  expect((await room.tracker.listNotifications({ userId: "bo" })).notifications).toHaveLength(1);
});

it("leaves what was accepted later, other people and other environments, and goes on until all of it is gone", async () => {
  const many = Array.from({ length: 120 }, (_, n) =>
    story.asked(story.request({ notificationId: uuidv5(`many ${n}`), acceptedAtMs: BigInt(n), recipients: [{ userId: "ann" }] })),
  );
  await room.record([
    ...many,
    story.asked(toAnn),
    story.asked(story.request({ notificationId: uuidv5("bo"), recipients: [{ userId: "bo" }] })),
  ]);
  expect(await eraseAll("ann", 999n)).toBe(3);
  const left = (await room.tracker.listNotifications({})).notifications.map((each) => each.notificationId);
  expect(left.sort()).toEqual([notificationId, uuidv5("bo")].sort());
});

it("what comes after the erasure is not kept, in whatever order, and what was accepted later is", async () => {
  const requested = story.request({ recipients: [{ userId: "ann" }, { userId: "bo" }] });
  await erase("ann", 1_000);
  const late = [
    story.change("ann", EMAIL, SENT, 5_000n, { acceptedAtMs: 1_000n, target: "ann@example.test" }),
    story.asked(requested),
    { ...story.decided("ann", [{ channel: EMAIL, send: true, reasons: [] }], 6_000n), acceptedAtMs: 1_000n },
    { ...story.decided("bo", [{ channel: EMAIL, send: true, reasons: [] }], 6_000n), acceptedAtMs: 1_000n },
  ];
  for (const each of [...late, ...late]) await room.record([each]);
  expect(await said()).not.toContain("ann");
  expect((await kept()).map(({ userId }) => userId).sort()).toEqual(["", "bo"]);
  const later = story.request({ notificationId: uuidv5("later"), acceptedAtMs: 1_001n, recipients: [{ userId: "ann" }] });
  await room.record([story.asked(later)]);
  expect((await room.tracker.listNotifications({ userId: "ann" })).notifications).toHaveLength(1);
});

it("what came before the request, and the erasure could not find, goes when the request comes", async () => {
  await room.record([{ ...story.decided("ann", [{ channel: EMAIL, send: true, reasons: [] }]), acceptedAtMs: 1_000n }]);
  await erase("ann", 1_000);
  await eraseAll("ann");
  expect(await kept()).toHaveLength(1);
  await room.record([story.asked(toAnn)]);
  expect(await kept()).toEqual([]);
});

it("however the erasure races with what is recorded, nothing of the person is left", async () => {
  for (let round = 0; round < 12; round++) {
    const id = uuidv5(`race ${round}`);
    const requested = story.request({ notificationId: id, recipients: [{ userId: "ann" }] });
    const recording = [
      story.asked(requested),
      story.refused("invalid", { notificationId: id, userId: "ann", acceptedAtMs: 1_000n, eventId: uuidv5(`r${round}`) }),
    ];
    const erasing = async () => {
      await erase("ann", 1_000);
      await eraseAll("ann");
    };
    const work = [() => room.record(recording), erasing];
    await Promise.all((round % 2 ? work : work.reverse()).map((each) => each()));
    expect(await kept(id)).toEqual([]);
  }
  expect((await room.tracker.listNotifications({})).notifications).toEqual([]);
});

it("of two who are erased at the same time neither comes back with what is left of the other", async () => {
  await room.close();
  let meanwhile = async () => undefined as unknown;
  const around = (store: HistoryStore): HistoryStore => ({
    ...store,
    async redact(redactions) {
      const between = meanwhile;
      meanwhile = async () => undefined;
      await between();
      return store.redact(redactions);
    },
  });
  room = await openTrackerRoom({ around });
  await room.record(story.likedStory());
  await erase("ann", 1_000);
  meanwhile = async () => {
    await erase("bo", 1_000);
    await eraseAll("bo");
  };
  await eraseAll("ann");
  expect(await kept()).toEqual([]);
});

it("what comes of those who are erased is not even written, for whoever writes it may die before it can be deleted", async () => {
  await room.close();
  const written: string[] = [];
  const around = (store: HistoryStore): HistoryStore => ({
    ...store,
    async record(events) {
      written.push(...events.map(({ event }) => Buffer.from(event).toString("latin1")));
      await store.record(events);
    },
  });
  room = await openTrackerRoom({ around });
  await erase("ann", 1_000);
  const [asked, ...others] = story.likedStory().map((event) => ({ ...event, acceptedAtMs: 1_000n }));
  await room.record([
    asked as DeliveryEvent,
    story.asked(story.request({ notificationId: uuidv5("hers"), recipients: [{ userId: "ann" }] })),
    ...others,
  ]);
  expect(written.join()).not.toContain("ann");
  expect((await kept()).map(({ userId }) => userId).sort()).toEqual(["", "bo"]);
  expect((await room.tracker.listNotifications({ userId: "bo" })).notifications).toHaveLength(1);
  expect((await room.tracker.listNotifications({ userId: "ann" })).notifications).toEqual([]);
});
