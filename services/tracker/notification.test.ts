import { fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sentence } from "#domain/reasons.ts";
import { recipientWord } from "#domain/recipient.ts";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type DeliveryEvent, DeliveryEventSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { AttemptSchema, NotificationSchema, StepSchema } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { attemptsOf } from "./attempts.ts";
import { explain } from "./explain.ts";
import { historyOf } from "./history.ts";
import { notificationOf } from "./notification.ts";
import * as story from "./story.fixture.ts";

const { EMAIL, WEB, QUEUED, DEFERRED, SENT, FAILED, DEAD, SKIPPED, EXPIRED, CANCELED, asked, canceled, change, decided, refused, request } =
  story;
const { PROCESSING } = NotificationStatus;

const read = (...events: DeliveryEvent[]) => notificationOf(historyOf(story.NOTIFICATION, events));
const sends = (untilMs = 0n) => decided("ann", [{ channel: EMAIL, send: true, reasons: ["channel_default"], target: "a@b.test", untilMs }]);

/** Everything that the service tells, as plain values. */
const told = (events: readonly DeliveryEvent[]) => {
  const history = historyOf(story.NOTIFICATION, events);
  return {
    notification: toJson(NotificationSchema, notificationOf(history)),
    attempts: attemptsOf(history).map((each) => toJson(AttemptSchema, each)),
    steps: explain(history).map((each) => toJson(StepSchema, each)),
  };
};

describe("a notification, derived from its events", () => {
  it("tells what was asked for, and every delivery with where it stands", () => {
    const notification = read(...story.likedStory());
    expect(notification).toMatchObject({
      notificationId: story.NOTIFICATION,
      status: NotificationStatus.SENT,
      eventType: "post.liked",
      category: "post",
      content: { title: "Bo liked your post" },
      createdAtMs: 1_000n,
      updatedAtMs: 6_100n,
    });
    expect(notification.recipients.map(({ userId }) => userId)).toEqual(["ann", "bo"]);
    expect(
      notification.deliveries.map(({ userId, channel, status, reason, attempts }) => [userId, channel, status, reason, attempts]),
    ).toEqual([
      ["ann", EMAIL, SENT, "accepted_by_provider", 2],
      ["ann", WEB, SENT, "stored_in_inbox", 1],
      ["bo", EMAIL, SKIPPED, "category_muted", 0],
      ["bo", WEB, SKIPPED, "category_muted", 0],
    ]);
    expect(notification.deliveries[0]).toMatchObject({ target: "ann@example.test", dueAtMs: 0n, updatedAtMs: 6_100n });
  });

  it("is the same for any order and any repetition of its events", () => {
    const events = [
      ...story.likedStory(),
      change("ann", EMAIL, QUEUED, 7_000n, { cycle: 2 }),
      change("ann", EMAIL, DEFERRED, 7_000n, { cycle: 2, wait: 1, reason: "provider_unavailable", dueAtMs: 9_000n }),
      change("ann", EMAIL, DEFERRED, 7_000n, { cycle: 2, attempt: 1, wait: 1, reason: "temporarily_refused", dueAtMs: 9_500n }),
      refused("stage_failed", { userId: "cy" }),
    ];
    const once = told(events);
    const orders = fc
      .shuffledSubarray(events, { minLength: events.length })
      .chain((all) => fc.array(fc.constantFrom(...events), { maxLength: 20 }).map((more) => [...all, ...more]))
      .chain((all) => fc.shuffledSubarray(all, { minLength: all.length }));
    fc.assert(
      fc.property(orders, (shuffled) => {
        const copies = shuffled.map((event) => fromBinary(DeliveryEventSchema, toBinary(DeliveryEventSchema, event)));
        expect(told(copies)).toEqual(once);
      }),
    );
  });

  it("never takes a delivery back when an older event comes late", () => {
    const events = story.likedStory();
    fc.assert(
      fc.property(fc.shuffledSubarray(events, { minLength: 1 }), fc.constantFrom(...events), (some, late) => {
        const statusOf = (all: DeliveryEvent[]) =>
          read(...all).deliveries.find((each) => each.channel === EMAIL && each.userId === "ann")?.status;
        expect(statusOf([...some, late]) ?? 0).toBeGreaterThanOrEqual(statusOf(some) ?? 0);
      }),
    );
  });

  it("is processing until every recipient has been decided for", () => {
    const both = request({ recipients: [{ userId: "ann" }, { userId: "bo" }, { userId: "ann" }] });
    const sent = change("ann", EMAIL, SENT, 1_100n, { attempt: 1 });
    expect(read(asked(both), sends(), sent).status).toBe(PROCESSING);
    const muted = decided("bo", [{ channel: EMAIL, send: false, reasons: ["category_muted"] }]);
    expect(read(asked(both), sends(), sent, muted).status).toBe(NotificationStatus.SENT);
  });

  it("waits for a decision for each bare address, whatever its case", () => {
    const addresses = request({ recipients: [{ email: "a@b.test" }, { email: "A@B.test" }, { email: "c@d.test" }] });
    const skips = (word: string) => decided(word, [{ channel: WEB, send: false, reasons: ["no_person"] }]);
    expect(read(asked(addresses), skips("~1")).status).toBe(PROCESSING);
    expect(read(asked(addresses), skips("~1"), skips("~2")).status).toBe(NotificationStatus.SKIPPED);
  });

  it.each([
    [QUEUED, PROCESSING],
    [DEFERRED, PROCESSING],
    [SENT, NotificationStatus.SENT],
    [FAILED, NotificationStatus.FAILED],
    [DEAD, NotificationStatus.FAILED],
    [EXPIRED, NotificationStatus.FAILED],
    [CANCELED, NotificationStatus.CANCELED],
  ])("with its one delivery in status %i it is in status %i", (delivery, status) => {
    expect(read(asked(), sends(), change("ann", EMAIL, delivery, 1_100n)).status).toBe(status);
  });

  it("is queued from the decision on, and the decision's target and reason hold until an event says more", () => {
    const [delivery] = read(asked(), sends()).deliveries;
    expect(delivery).toMatchObject({ status: QUEUED, target: "a@b.test", reason: "channel_default" });
    const [queued] = read(asked(), sends(), change("ann", EMAIL, QUEUED, 1_100n)).deliveries;
    expect(queued).toMatchObject({ status: QUEUED, target: "a@b.test", reason: "channel_default" });
  });

  it("is failed, not skipped, when it expired before it was decided", () => {
    const expired = decided("ann", [{ channel: EMAIL, send: false, reasons: ["expired"] }]);
    const { status, deliveries } = read(asked(), expired);
    expect(status).toBe(NotificationStatus.FAILED);
    expect(deliveries[0]?.status).toBe(EXPIRED);
  });

  it("stands where its newest cycle stands: a replayed dead letter is open again", () => {
    const dead = change("ann", EMAIL, DEAD, 2_000n, { attempt: 4, reason: "attempts_exhausted" });
    const replayed = change("ann", EMAIL, QUEUED, 3_000n, { cycle: 2 });
    const notification = read(asked(), replayed, sends(), dead);
    expect(notification.status).toBe(PROCESSING);
    expect(notification.deliveries[0]).toMatchObject({ status: QUEUED, attempts: 4 });
  });

  it("goes by rank and cycle, not by the clocks of those who wrote the events", () => {
    const sent = change("ann", EMAIL, SENT, 2_000n, { attempt: 2 });
    const skewed = change("ann", EMAIL, DEFERRED, 3_000n, { attempt: 1, dueAtMs: 8_000n });
    expect(read(asked(), sends(), sent, skewed).deliveries[0]).toMatchObject({ status: SENT, dueAtMs: 0n, updatedAtMs: 2_000n });
    const dead = change("ann", EMAIL, DEAD, 4_000n, { attempt: 4 });
    const replayed = change("ann", EMAIL, QUEUED, 3_500n, { cycle: 2 });
    expect(read(asked(), sends(), replayed, dead).deliveries[0]?.status).toBe(QUEUED);
  });

  it("is due when its last wait ends, also when that wait counted no attempt", () => {
    const retry = change("ann", EMAIL, DEFERRED, 2_000n, { attempt: 1, reason: "temporarily_refused", dueAtMs: 7_000n });
    const outage = change("ann", EMAIL, DEFERRED, 7_100n, { wait: 1, reason: "provider_unavailable", dueAtMs: 12_000n });
    const [delivery] = read(asked(), sends(), outage, retry).deliveries;
    expect(delivery).toMatchObject({ status: DEFERRED, dueAtMs: 12_000n, reason: "provider_unavailable", attempts: 1 });
  });

  it("waits from the decision on where the person's quiet hours hold, and is due when they end", () => {
    const [delivery] = read(asked(), sends(9_000n)).deliveries;
    expect(delivery).toMatchObject({ status: DEFERRED, dueAtMs: 9_000n, attempts: 0 });
    const sent = change("ann", EMAIL, SENT, 9_100n, { attempt: 1, wait: 1 });
    expect(read(asked(), sends(9_000n), sent).deliveries[0]).toMatchObject({ status: SENT, dueAtMs: 0n });
  });

  it("is expired by a decision that it would not live until the quiet hours end", () => {
    const brief = decided("ann", [{ channel: EMAIL, send: false, reasons: ["channel_default", "expires_in_quiet_hours"] }]);
    expect(read(asked(), brief).deliveries[0]?.status).toBe(EXPIRED);
  });

  it("tells when it is to be sent, and is processing until it has been", () => {
    expect(read(asked(request({ sendAtMs: 5_000_000n })))).toMatchObject({ status: PROCESSING, sendAtMs: 5_000_000n, deliveries: [] });
  });

  it("canceled before it was decided is canceled, and stays so", () => {
    expect(read(asked(), canceled()).status).toBe(NotificationStatus.CANCELED);
    const late = decided("ann", [{ channel: EMAIL, send: false, reasons: ["channel_default", "canceled"] }]);
    expect(read(asked(), canceled(), late)).toMatchObject({ status: NotificationStatus.CANCELED, deliveries: [{ status: CANCELED }] });
  });

  it("canceled takes what is open with it, but not what it came too late for, nor what had ended", () => {
    const deferred = change("ann", EMAIL, DEFERRED, 1_100n, { attempt: 1, dueAtMs: 60_000n });
    const [open] = read(asked(), sends(), deferred, canceled()).deliveries;
    expect(open).toMatchObject({ status: CANCELED, reason: "canceled", dueAtMs: 0n, updatedAtMs: 2_000n, attempts: 1 });
    const underWay = canceled(story.deliveryId("ann", EMAIL));
    expect(read(asked(), sends(), underWay)).toMatchObject({ status: PROCESSING, deliveries: [{ status: QUEUED }] });
    const sent = change("ann", EMAIL, SENT, 2_500n, { attempt: 1 });
    expect(read(asked(), sends(), underWay, sent)).toMatchObject({ status: NotificationStatus.SENT, deliveries: [{ status: SENT }] });
    const failed = change("ann", EMAIL, FAILED, 1_100n, { attempt: 1 });
    expect(read(asked(), sends(), failed, canceled()).deliveries[0]?.status).toBe(FAILED);
  });

  it("is failed when it was refused", () => {
    expect(read(asked(), refused("invalid")).status).toBe(NotificationStatus.FAILED);
    expect(read(refused("invalid")).status).toBe(NotificationStatus.FAILED);
  });

  const two = asked(request({ recipients: [{ userId: "ann" }, { userId: "cy" }] }));
  const cy = refused("stage_failed", { userId: "cy" });

  it("is failed, with the reason, when a recipient was refused and the others have nothing sent", () => {
    const dead = change("ann", EMAIL, DEAD, 1_100n, { reason: "stage_failed" });
    expect(read(two, sends(), dead, cy)).toMatchObject({
      status: NotificationStatus.FAILED,
      deliveries: [{ status: DEAD, reason: "stage_failed", explanation: sentence("stage_failed") }],
    });
    expect(explain(historyOf(story.NOTIFICATION, [two, cy])).at(-1)).toMatchObject({ userId: "cy", reasons: ["stage_failed"] });
  });

  it("waits for the others when one recipient was refused, a person or a bare address", () => {
    expect(read(two, cy).status).toBe(PROCESSING);
    expect(read(two, cy, sends()).status).toBe(PROCESSING);
    const sent = change("ann", EMAIL, SENT, 1_100n, { attempt: 1 });
    expect(read(two, cy, sends(), sent).status).toBe(NotificationStatus.SENT);
    const target = "cy@example.test";
    const address = refused("stage_failed", { target });
    const asking = asked(request({ recipients: [{ userId: "ann" }, { email: target }] }));
    expect(read(asking, address).status).toBe(PROCESSING);
    expect(read(asking, address, decided("ann", [{ channel: EMAIL, send: false, reasons: ["category_muted"] }])).status).toBe(
      NotificationStatus.FAILED,
    );
  });

  it("was not refused after all when a replay was decided for", () => {
    const muted = (recipient: string) => decided(recipient, [{ channel: EMAIL, send: false, reasons: ["category_muted"] }], 2_000n);
    expect(read(two, cy, muted("ann")).status).toBe(NotificationStatus.FAILED);
    expect(read(two, cy, muted("ann"), muted("cy")).status).toBe(NotificationStatus.SKIPPED);
    expect(read(two, refused("stage_failed"), muted("ann"), muted("cy")).status).toBe(NotificationStatus.SKIPPED);
    const addresses = ["cy@example.test", "dee@example.test"].map((email) => ({ userId: "", email }));
    const [word] = addresses.map((each) => recipientWord(each, uuidv5)) as [string];
    const bare = [asked(request({ recipients: addresses })), refused("stage_failed", { target: "cy@example.test" }), muted(word)];
    expect(read(...bare).status).toBe(PROCESSING);
  });

  it("is processing while only later events are known, and shows them", () => {
    const { status, deliveries } = read(change("ann", EMAIL, SENT, 1_100n, { attempt: 1, target: "a@b.test" }));
    expect(status).toBe(PROCESSING);
    expect(deliveries).toMatchObject([{ userId: "ann", status: SENT, target: "a@b.test" }]);
  });
});
