import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { beforeEach, expect, it } from "vitest";
import { Problem } from "#domain/errors.ts";
import * as topics from "#domain/topics.ts";
import { Channel, DeliveryStatus, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { DecisionRecordSchema, DeliveryEventSchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { CancelOutcome } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { type Notification, type NotificationSchema, TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { encodeDecision } from "#platform/ledger/decision.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import type { EventLog } from "#platform/log/log.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { cancelling } from "./cancel.ts";

const ID = "0192f0c1-2345-7abc-8def-0123456789ab";
const { EMAIL, WEB } = Channel;
const { PROCESSING } = NotificationStatus;
const { SENT, QUEUED, CANCELED, DEAD } = DeliveryStatus;
const { TOO_LATE, PARTLY } = CancelOutcome;

let at: Trial;
let ledger: Ledger;
/** What the history tells, which may run behind. */
let history: Exclude<MessageInitShape<typeof NotificationSchema>, Notification>;

beforeEach(() => {
  at = trial(topics.all);
  ledger = memoryLedger({ clock: at.clock });
  history = { notificationId: ID, status: PROCESSING, recipients: [{ userId: "ann" }], expiresAtMs: BigInt(at.clock.nowMs() + 60_000) };
});

const cancel = (more: { log?: EventLog; ledger?: Ledger; environment?: string } = {}) => {
  const { clock, metrics, logger } = trial([]);
  const tracker = (router: ConnectRouter) =>
    router.service(TrackerService, {
      getNotification(_request, context) {
        if (principalOf(context).environment !== "development") throw new Problem("NOT_FOUND");
        return { notification: history };
      },
    });
  const client = createClients({ rpc: () => [tracker], clock, metrics, logger });
  return cancelling({ ledger, log: at.log, clock: at.clock, client, ...more })(more.environment ?? "development", ID);
};
const decide = (...channels: Channel[]) => {
  const decisions = channels.map((channel) => ({ channel, send: true, deliveryId: `d-${channel}`, reasons: ["channel_default"] }));
  const decision = encodeDecision(create(DecisionRecordSchema, { decisions, decidedAtMs: 1n }));
  return ledger.decideOnce([{ environment: "development", notificationId: ID, recipient: "ann", decision }]);
};
const send = { environment: "development", notificationId: ID, cycle: 1, target: "" };
const intend = async (channel: Channel) => {
  const [intent] = await ledger.intend([
    { ...send, deliveryId: `d-${channel}`, reaches: [], acceptedAtMs: 1_000, attempt: 0, wait: 0, worker: "w", leaseMs: 17_000 },
  ]);
  return intent?.is;
};
const settle = (channel: Channel, state: "sent" | "dead") =>
  ledger.settle([{ ...send, deliveryId: `d-${channel}`, worker: "w", state, atMs: 0 }]);
const late = (channel: Channel, underWay: boolean) => ({ deliveryId: `d-${channel}`, userId: "ann", channel, underWay });
const events = async () => (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));

it("with a decision that cannot be read cancels what is known, and counts sends that cannot be read as under way", async () => {
  await decide(EMAIL);
  const cut: Ledger = {
    ...ledger,
    cancel: async (asked) => [...(await ledger.cancel(asked)), { recipient: "bo", decision: new Uint8Array([0x0a, 0x20]) }],
    statesOf: async ({ deliveryIds }) => deliveryIds.map(() => ["malformed"]),
  };
  expect(await cancel({ ledger: cut })).toEqual({ outcome: CancelOutcome.TOO_LATE, tooLate: [late(EMAIL, true)] });
});

it("before the decision cancels everything, and tells the tracker once however often it is asked", async () => {
  const all = { outcome: CancelOutcome.CANCELED, tooLate: [] };
  expect(await cancel()).toEqual(all);
  history = { ...history, status: NotificationStatus.CANCELED };
  expect(await cancel()).toEqual(all);
  const [event, again] = await events();
  expect(event).toMatchObject({ moment: Moment.CANCELED, notificationId: ID, environment: "development", tooLate: [] });
  expect(again?.eventId).toBe(event?.eventId);
  expect(await intend(EMAIL)).toBe("canceled");
});

it("names what was sent and what is being sent, though the history does not know it yet; the rest never starts", async () => {
  await decide(EMAIL, WEB, 3 as Channel);
  await intend(EMAIL);
  await settle(EMAIL, "sent");
  await intend(WEB);
  const answer = await cancel();
  expect(answer).toEqual({ outcome: PARTLY, tooLate: [late(EMAIL, false), late(WEB, true)] });
  expect((await events())[0]?.tooLate).toEqual([`d-${EMAIL}`, `d-${WEB}`]);
  expect(await intend(3 as Channel)).toBe("canceled");
});

it("counts a lease that ran out unsettled as under way: it may have been sent", async () => {
  await decide(EMAIL);
  await intend(EMAIL);
  await at.clock.advance(17_000);
  expect(await cancel()).toEqual({ outcome: TOO_LATE, tooLate: [late(EMAIL, true)] });
  expect(await intend(EMAIL)).toBe("canceled");
});

it("is too late for what has ended, and leaves its history as it is", async () => {
  await decide(EMAIL, WEB);
  await intend(EMAIL);
  await settle(EMAIL, "dead");
  const delivery = { deliveryId: `d-${WEB}`, userId: "ann", channel: WEB, status: SENT };
  history = { ...history, status: NotificationStatus.SENT, deliveries: [delivery] };
  expect(await cancel()).toEqual({ outcome: TOO_LATE, tooLate: [late(WEB, false)] });
  expect(await events()).toEqual([]);
});

it("knows from the history what the ledger has forgotten", async () => {
  const of = (channel: Channel, status: DeliveryStatus) => ({ deliveryId: `d-${channel}`, userId: "ann", channel, status });
  history = { ...history, status: NotificationStatus.SENT, deliveries: [of(EMAIL, SENT), of(WEB, DEAD)] };
  expect(await cancel()).toEqual({ outcome: TOO_LATE, tooLate: [late(EMAIL, false)] });
  history = { ...history, status: NotificationStatus.SENT, deliveries: [of(EMAIL, SENT), of(WEB, CANCELED)] };
  expect(await cancel()).toEqual({ outcome: PARTLY, tooLate: [late(EMAIL, false)] });
});

it("cancels what waits for another try", async () => {
  await decide(EMAIL);
  await intend(EMAIL);
  await ledger.settle([{ ...send, deliveryId: `d-${EMAIL}`, worker: "w", state: { released: { attempt: 1, wait: 0 } }, atMs: 0 }]);
  history = { ...history, deliveries: [{ deliveryId: `d-${EMAIL}`, userId: "ann", channel: EMAIL, status: QUEUED }] };
  expect(await cancel()).toEqual({ outcome: CancelOutcome.CANCELED, tooLate: [] });
});

it("leaves another environment's notification of the same id alone", async () => {
  await expect(cancel({ environment: "staging" }).catch((error) => Promise.reject(problemFrom(error)))).rejects.toMatchObject({
    reason: "NOT_FOUND",
  });
  expect(await intend(EMAIL)).toBe("send");
});

it("says that it does not know when the tracker could not be told, and says it right the next time", async () => {
  const away: EventLog = { ...at.log, append: () => Promise.reject(new Error("no disk")) };
  await expect(cancel({ log: away })).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE", retryAfterMs: 1_000 });
  expect(await intend(EMAIL)).toBe("canceled");
  expect(await cancel()).toEqual({ outcome: CancelOutcome.CANCELED, tooLate: [] });
  expect(await events()).toHaveLength(1);
});
