/**
 * Cancelling: the cancel is durable in the ledger first, which from then on gives no send of the notification a lease; then it is told to
 * the tracker, and what the ledger and the history know of each delivery makes the answer.
 *
 * Killed in between, the notification is canceled, its history learns so from whoever next asks the ledger for a lease, and a repeat of
 * the call tells it too, with the same event id.
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { MAX_EXPIRY_MS } from "#domain/bounds.ts";
import { isTerminal } from "#domain/decide/status.ts";
import { Problem } from "#domain/errors.ts";
import { notificationEventName, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import { deliveryEvents } from "#domain/topics.ts";
import { type Channel, DeliveryStatus, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { DeliveryEventSchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { CancelOutcome, type CancelResponseSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { type Notification, TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { Given } from "#platform/host.ts";
import { decodeDecision } from "#platform/ledger/decision.ts";
import type { DecidedBefore, SendState } from "#platform/ledger/ledger.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { uuidv5 } from "#platform/uuid.ts";

type CancelResponse = MessageInitShape<typeof CancelResponseSchema>;

export type Cancelling = (environment: string, notificationId: string) => Promise<CancelResponse>;

export function cancelling({ ledger, log, clock, client }: Pick<Given, "ledger" | "log" | "clock" | "client">): Cancelling {
  return async (environment, notificationId) => {
    const notification = await known(client, environment, notificationId);
    // The erasure stops every send of it that has not begun, and an answer would name who was erased.
    if (notification.status === NotificationStatus.ERASED) return { outcome: CancelOutcome.TOO_LATE, tooLate: [] };
    const untilMs = Math.max(Number(notification.expiresAtMs), clock.nowMs()) + MAX_EXPIRY_MS;
    const before = await sure(() => ledger.cancel({ environment, notificationId, untilMs }));
    const deliveries = deliveriesOf(notification, before);
    const states = await sure(() => ledger.statesOf({ environment, notificationId, deliveryIds: [...deliveries.keys()] }));
    const found = [...deliveries.values()].map((delivery, place) => ({ delivery, is: standing(delivery, states[place] ?? []) }));
    const late = found.flatMap(({ delivery, is }) => {
      const { deliveryId, userId, channel } = delivery;
      return is === "sent" || is === "under way" ? [{ deliveryId, userId, channel, underWay: is === "under way" }] : [];
    });
    const canceled = found.some(({ is }) => is === "canceled") || isUndecided(notification, before);
    if (!canceled) return { outcome: CancelOutcome.TOO_LATE, tooLate: late };
    const event = create(DeliveryEventSchema, {
      eventId: uuidv5(notificationEventName(notificationId, "", "canceled")),
      ...{ moment: Moment.CANCELED, notificationId, environment, atMs: BigInt(clock.nowMs()) },
      tooLate: late.map(({ deliveryId }) => deliveryId),
    });
    const key = recipientKey(environment, wordsOf(notification)[0] ?? notificationId);
    await sure(() => log.append([{ topic: deliveryEvents, key, value: toBinary(DeliveryEventSchema, event) }]));
    return { outcome: late.length > 0 ? CancelOutcome.PARTLY : CancelOutcome.CANCELED, tooLate: late };
  };
}

/** Throws NOT_FOUND for what this environment does not know. */
async function known(client: Given["client"], environment: string, notificationId: string): Promise<Notification> {
  try {
    return (await client(TrackerService, environment).getNotification({ notificationId })).notification as Notification;
  } catch (error) {
    throw problemFrom(error);
  }
}

/** A failure leaves open what was done. */
async function sure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw notCanceled(cause);
  }
}

export const notCanceled = (cause: unknown) =>
  new Problem("LOG_UNAVAILABLE", { message: "It is not known whether it was canceled. Repeat.", cause, retryAfterMs: 1_000 });

interface Known {
  readonly deliveryId: string;
  readonly userId: string;
  readonly channel: Channel;
  /** As the history has it, which runs a moment behind. */
  readonly status: DeliveryStatus;
}

/** What the history knows, and what was decided that it does not know yet. */
function deliveriesOf({ deliveries }: Notification, before: readonly DecidedBefore[]): Map<string, Known> {
  const all = new Map<string, Known>(deliveries.map((each) => [each.deliveryId, each]));
  for (const { recipient, decision } of before) {
    const userId = recipient.startsWith("~") ? "" : recipient;
    // None of what cannot be read: whoever would carry it out gives it up.
    for (const { deliveryId, channel, send } of decodeDecision(decision)?.decisions ?? [])
      if (send && !all.has(deliveryId)) all.set(deliveryId, { deliveryId, userId, channel, status: DeliveryStatus.QUEUED });
  }
  return all;
}

/** A lease whose end is not known counts as under way, also when it has run out, and so does what cannot be read: the send may have happened. */
function standing({ status }: Known, states: readonly SendState[]): "sent" | "under way" | "ended" | "canceled" {
  if (status === DeliveryStatus.SENT || states.includes("sent")) return "sent";
  if (states.includes("leased") || states.includes("malformed")) return "under way";
  if (status === DeliveryStatus.CANCELED || states.includes("canceled")) return "canceled";
  const ended = states.length > 0 && states.every((state) => state !== "released");
  return ended || isTerminal(status) ? "ended" : "canceled";
}

const wordsOf = ({ recipients }: Notification): string[] => [...new Set(recipients.map((each) => recipientWord(each, uuidv5)))];

/** Whether somebody has not been decided for, and never will be. */
const isUndecided = (notification: Notification, before: readonly DecidedBefore[]): boolean =>
  (notification.status === NotificationStatus.PROCESSING || notification.status === NotificationStatus.CANCELED) &&
  wordsOf(notification).length > before.length;
