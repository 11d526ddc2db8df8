/**
 * A notification and how it fares, derived from its history. Pure.
 *
 * A delivery stands where the furthest of its events says (domain/decide/status), so that one that comes late takes nothing back. What was
 * decided against never has events of its own: it is skipped, expired or canceled by the decision. Once the notification is canceled, what
 * is open is canceled too, except what the cancel came too late for: that tells its own end. What was refused has failed, for one recipient
 * or for all, unless its dead letter was replayed and decided for after all.
 */
import { create } from "@bufbuild/protobuf";
import { isTerminal, notificationStatus, supersedes } from "#domain/decide/status.ts";
import { notificationEventName } from "#domain/ids.ts";
import { sentence } from "#domain/reasons.ts";
import { recipientWord } from "#domain/recipient.ts";
import { DeliveryStatus, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { Decision, DeliveryEvent, NotificationRequested, UsedTemplate } from "#gen/carillon/event/v1/event_pb.ts";
import { type Delivery, DeliverySchema, type Notification, NotificationSchema } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { uuidv5 } from "#platform/uuid.ts";
import type { History } from "./history.ts";

export function notificationOf(history: History): Notification {
  const { requested, erased, notificationId } = history;
  if (erased) {
    const { acceptedAtMs } = erased;
    return create(NotificationSchema, {
      ...{ notificationId, status: NotificationStatus.ERASED, createdAtMs: acceptedAtMs, updatedAtMs: acceptedAtMs },
    });
  }
  const deliveries = deliveriesOf(history);
  return create(NotificationSchema, {
    notificationId,
    status: statusOf(history, deliveries),
    recipients: requested?.recipients.map(({ userId, email }) => ({ userId, email })) ?? [],
    tenant: requested?.tenant ?? "",
    actor: requested?.actor ?? "",
    eventType: requested?.eventType ?? "",
    category: requested?.category ?? "",
    ...(requested?.content && { content: requested.content }),
    ...(requested?.template && { template: templateOf(requested.template) }),
    channels: requested?.channels ?? [],
    priority: requested?.priority ?? 0,
    ...(requested?.metadata && { metadata: requested.metadata }),
    createdAtMs: requested?.acceptedAtMs ?? history.refused[0]?.atMs ?? 0n,
    updatedAtMs: later(history.lastAtMs, requested?.acceptedAtMs ?? 0n),
    expiresAtMs: requested?.expiresAtMs ?? 0n,
    sendAtMs: requested?.sendAtMs ?? 0n,
    deliveries,
  });
}

const templateOf = ({ name, version, data, locale }: UsedTemplate) => ({ name, version, locale, ...(data && { data }) });

function statusOf(history: History, deliveries: readonly Delivery[]): NotificationStatus {
  const statuses = deliveries.map(({ status }) => status);
  // A refusal is an end of its own: there is no delivery that could tell of it.
  const refused = standing(history);
  if (refused.length > 0) statuses.push(DeliveryStatus.FAILED);
  const decided = isDecided(history, refused);
  if (!decided && history.canceled) statuses.push(DeliveryStatus.CANCELED);
  return notificationStatus(statuses, decided || history.canceled !== undefined);
}

/** A refusal that names neither a person nor an address is the whole notification's. */
const isOfAll = ({ userId, target }: DeliveryEvent): boolean => userId === "" && target === "";

/** The refusals that no later decision has overcome. */
function standing(history: History): readonly DeliveryEvent[] {
  const { notificationId, decided, refused } = history;
  if (refused.length === 0) return refused;
  const ids = new Set(decided.map(({ eventId }) => eventId));
  const idOf = ({ userId, target }: DeliveryEvent) =>
    uuidv5(notificationEventName(notificationId, recipientWord({ userId, email: target }, uuidv5), "decided"));
  return refused.filter((event) => (isOfAll(event) ? !isDecided(history, []) : !ids.has(idOf(event))));
}

/** Whether every recipient has been decided for or refused. Until the request is known nobody can say. */
function isDecided({ requested, decided }: History, refused: readonly DeliveryEvent[]): boolean {
  if (refused.some(isOfAll)) return true;
  if (!requested) return false;
  const ends = [...decided, ...refused];
  const people = new Set(ends.map(({ userId }) => userId));
  const addresses = new Set(requested.recipients.filter(({ userId }) => userId === "").map(({ email }) => email.toLowerCase()));
  // A decision for a bare address names nobody, but there is one event for each.
  return (
    ends.filter(({ userId }) => userId === "").length >= addresses.size &&
    requested.recipients.every(({ userId }) => userId === "" || people.has(userId))
  );
}

/** One per recipient and channel considered: recipients in the order asked for, channels in theirs. */
function deliveriesOf({ requested, decided, changes, canceled }: History): Delivery[] {
  const deliveries = decidedDeliveries({ decided });
  const byDelivery = Map.groupBy(changes, ({ deliveryId }) => deliveryId);
  for (const [deliveryId, events] of byDelivery) deliveries.set(deliveryId, changedDelivery(events, deliveries.get(deliveryId)));
  const places = placesOf(requested);
  const place = ({ userId }: Delivery) => places.get(userId) ?? places.size;
  const all = [...deliveries.values()].map((delivery) => (canceled ? withdrawn(delivery, canceled) : delivery));
  return all.sort(
    (a, b) => place(a) - place(b) || a.channel - b.channel || (a.deliveryId < b.deliveryId ? -1 : a.deliveryId > b.deliveryId ? 1 : 0),
  );
}

/** As they were decided, by id. */
export function decidedDeliveries({ decided }: Pick<History, "decided">): Map<string, Delivery> {
  return new Map(
    decided.flatMap((event) => event.decisions.map((decision) => [decision.deliveryId, decidedDelivery(event, decision)] as const)),
  );
}

function decidedDelivery({ userId, atMs }: DeliveryEvent, { deliveryId, channel, send, reasons, target, untilMs }: Decision): Delivery {
  const reason = reasons.at(-1) ?? "";
  const waits = send && untilMs > 0n;
  const status = send ? (waits ? DeliveryStatus.DEFERRED : DeliveryStatus.QUEUED) : endFor(reason);
  const dueAtMs = waits ? untilMs : 0n;
  const explanation = sentence(reason);
  return create(DeliverySchema, { deliveryId, userId, channel, status, target, reason, explanation, dueAtMs, updatedAtMs: atMs });
}

/** Decided against for some reasons it is not merely skipped. */
const ends: Readonly<Record<string, DeliveryStatus>> = {
  expired: DeliveryStatus.EXPIRED,
  expires_in_quiet_hours: DeliveryStatus.EXPIRED,
  canceled: DeliveryStatus.CANCELED,
};

/** Where a delivery stands that was decided against. */
export const endFor = (reason: string): DeliveryStatus => ends[reason] ?? DeliveryStatus.SKIPPED;

function withdrawn(delivery: Delivery, { atMs, tooLate }: DeliveryEvent): Delivery {
  if (isTerminal(delivery.status) || tooLate.includes(delivery.deliveryId)) return delivery;
  const told = { reason: "canceled", explanation: sentence("canceled") };
  return { ...delivery, ...told, status: DeliveryStatus.CANCELED, dueAtMs: 0n, updatedAtMs: later(delivery.updatedAtMs, atMs) };
}

/** After these events of one delivery; there is at least one. */
export function changedDelivery(events: readonly DeliveryEvent[], decided: Delivery | undefined): Delivery {
  const standing = events.reduce((known, event) => (isLater(event, known) ? event : known));
  const { deliveryId, userId, channel, status } = standing;
  const attempts = new Map<number, number>();
  for (const { cycle, attempt } of events) attempts.set(cycle, Math.max(attempt, attempts.get(cycle) ?? 0));
  const reason = standing.reason || decided?.reason || "";
  return create(DeliverySchema, {
    deliveryId,
    userId,
    channel,
    status,
    target: standing.target || decided?.target || events.find(({ target }) => target !== "")?.target || "",
    reason,
    explanation: sentence(reason),
    attempts: [...attempts.values()].reduce((sum, each) => sum + each, 0),
    dueAtMs: status === DeliveryStatus.DEFERRED ? standing.dueAtMs : 0n,
    updatedAtMs: standing.atMs,
  });
}

/** Of two waits the later one is the one that waits now: a wait in an outage counts no attempt, so the counts cannot tell. */
function isLater(event: DeliveryEvent, known: DeliveryEvent): boolean {
  const twoWaits = event.cycle === known.cycle && event.status === DeliveryStatus.DEFERRED && known.status === DeliveryStatus.DEFERRED;
  return twoWaits && event.atMs !== known.atMs ? event.atMs > known.atMs : supersedes(event, known);
}

export function placesOf(requested: NotificationRequested | undefined): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const [place, { userId }] of (requested?.recipients ?? []).entries()) if (!places.has(userId)) places.set(userId, place);
  return places;
}

const later = (a: bigint, b: bigint) => (a > b ? a : b);
