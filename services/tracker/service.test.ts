import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Problem } from "#domain/errors.ts";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { DeliveryEvent } from "#gen/carillon/event/v1/event_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { openTrackerRoom, type TrackerRoom } from "./service.fixture.ts";
import * as story from "./story.fixture.ts";

let room: TrackerRoom;
let tracker: Client<typeof TrackerService>;

beforeEach(async () => {
  room = await openTrackerRoom();
  ({ tracker } = room);
});

afterEach(() => room.close());

const record = (events: readonly DeliveryEvent[]) => room.record(events);

const idOf = (n: number) => uuidv5(`notification ${n}`);
const recordMany = (count: number, init: (n: number) => Parameters<typeof story.request>[0] = () => ({})) =>
  record(
    Array.from({ length: count }, (_, n) =>
      story.asked(story.request({ notificationId: idOf(n), acceptedAtMs: BigInt(1_000 + n), ...init(n) })),
    ),
  );
const newestFirst = (count: number) => Array.from({ length: count }, (_, n) => idOf(count - 1 - n));

const problemOf = (call: Promise<unknown>): Promise<Problem> => call.then(() => expect.fail("was answered"), problemFrom);
const notificationId = story.NOTIFICATION;

it("tells how a notification fares, its attempts and its story", async () => {
  await record(story.likedStory());
  const { notification } = await tracker.getNotification({ notificationId });
  expect(notification).toMatchObject({ notificationId, status: NotificationStatus.SENT, eventType: "post.liked" });
  expect(notification?.deliveries).toHaveLength(4);
  expect((await tracker.listAttempts({ notificationId })).attempts).toHaveLength(3);
  expect((await tracker.explain({ notificationId })).steps.at(-1)).toMatchObject({ stage: "sent", attempt: 2 });
});

it("finds a notification from its acknowledgement on, before any event has come", async () => {
  room.acknowledged.set(`development/${notificationId}`, story.request({ metadata: { orderId: "ORD-1" } }));
  const { notification } = await tracker.getNotification({ notificationId });
  expect(notification).toMatchObject({
    ...{ notificationId, status: NotificationStatus.PROCESSING, createdAtMs: 1_000n, updatedAtMs: 1_000n },
    ...{ content: { title: "Bo liked your post" }, metadata: { orderId: "ORD-1" }, recipients: [{ userId: "ann" }], deliveries: [] },
  });
  expect((await tracker.explain({ notificationId })).steps.map(({ stage }) => stage)).toEqual(["asked"]);
  expect((await tracker.listAttempts({ notificationId })).attempts).toEqual([]);
});

it("puts together what ingest acknowledged and the events that came before the request", async () => {
  room.acknowledged.set(`development/${notificationId}`, story.request({ recipients: [{ userId: "ann" }, { userId: "bo" }] }));
  await record(story.likedStory().slice(1));
  const early = await tracker.getNotification({ notificationId });
  await record(story.likedStory());
  expect((await tracker.getNotification({ notificationId })).notification).toEqual(early.notification);
});

it("tells what it knows of a notification whose request neither it nor ingest has", async () => {
  await record(story.likedStory().slice(1));
  const { notification } = await tracker.getNotification({ notificationId });
  expect(notification).toMatchObject({ notificationId, status: NotificationStatus.PROCESSING });
  expect(notification?.deliveries).toHaveLength(4);
});

it("says not found of what nobody knows, and of another environment's", async () => {
  await record(story.likedStory());
  room.acknowledged.set(`development/${idOf(1)}`, story.request({ notificationId: idOf(1) }));
  const elsewhere = room.clients(TrackerService, "production");
  for (const id of [notificationId, idOf(1), idOf(2)])
    for (const method of ["getNotification", "listAttempts", "explain"] as const)
      expect(await problemOf(elsewhere[method]({ notificationId: id }))).toMatchObject({
        reason: "NOT_FOUND",
        message: `There is no notification "${id}" in this environment.`,
      });
  expect((await elsewhere.listNotifications({})).notifications).toEqual([]);
});

it("does not say not found when ingest cannot be asked", async () => {
  room.ingestIsUp = false;
  expect((await problemOf(tracker.getNotification({ notificationId }))).reason).toBe("LOG_UNAVAILABLE");
  await record(story.likedStory());
  expect((await tracker.getNotification({ notificationId })).notification?.status).toBe(NotificationStatus.SENT);
});

it("refuses an id that is no UUID", async () => {
  const error = await tracker.getNotification({ notificationId: "17" }).catch(ConnectError.from);
  expect((error as ConnectError).code).toBe(Code.InvalidArgument);
});

it("lists a page of fifty, newest first, and goes on with its token without a gap or a repeat", async () => {
  await recordMany(120, (n) => ({ acceptedAtMs: BigInt(1_000 + Math.floor(n / 10)) }));
  const pages: string[][] = [];
  for (let pageToken = ""; pages.length === 0 || pageToken !== ""; ) {
    const page = await tracker.listNotifications({ pageToken });
    pages.push(page.notifications.map((each) => each.notificationId));
    pageToken = page.nextPageToken;
  }
  expect(pages.map((page) => page.length)).toEqual([50, 50, 20]);
  expect(new Set(pages.flat())).toEqual(new Set(newestFirst(120)));
});

it("has no next page when the last one was just filled", async () => {
  await recordMany(4);
  const page = await tracker.listNotifications({ pageSize: 4 });
  expect([page.notifications.length, page.nextPageToken]).toEqual([4, ""]);
});

it("lists one person's, within a time range, page by page", async () => {
  await recordMany(30, (n) => ({ recipients: [{ userId: n % 2 === 0 ? "ann" : "bo" }] }));
  const range = { userId: "ann", fromMs: 1_010n, toMs: 1_020n, pageSize: 3 };
  const first = await tracker.listNotifications(range);
  const second = await tracker.listNotifications({ ...range, pageToken: first.nextPageToken });
  expect([...first.notifications, ...second.notifications].map(({ createdAtMs }) => createdAtMs)).toEqual([
    1_018n,
    1_016n,
    1_014n,
    1_012n,
    1_010n,
  ]);
  expect(second.nextPageToken).toBe("");
});

it("does not go back before the range's end with a token from beyond it", async () => {
  await recordMany(10);
  const { nextPageToken } = await tracker.listNotifications({ pageSize: 2 });
  const { notifications } = await tracker.listNotifications({ toMs: 1_003n, pageToken: nextPageToken });
  expect(notifications.map((each) => each.notificationId)).toEqual([idOf(2), idOf(1), idOf(0)]);
});

it("ends a page of large notifications early, and its token goes on from there", async () => {
  const body = "x".repeat(200_000);
  await recordMany(40, () => ({ content: { body } as never }));
  const first = await tracker.listNotifications({});
  expect(first.notifications.length).toBeLessThan(30);
  const second = await tracker.listNotifications({ pageToken: first.nextPageToken });
  expect([...first.notifications, ...second.notifications].map((each) => each.notificationId)).toEqual(newestFirst(40));
});

it.each(["nonsense", "e30", "W10", Buffer.from('["1","x"]').toString("base64url")])("refuses %j as a page token", async (pageToken) => {
  const problem = await problemOf(tracker.listNotifications({ pageToken }));
  expect(problem.violations.map(({ field }) => field)).toEqual(["page_token"]);
});
