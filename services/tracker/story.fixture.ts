/** Events of one notification, as the router, the dispatcher and the workers write them; for the tests of this room. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { nameOfChannel } from "#domain/channels/channel.ts";
import { deliveryEventName, deliveryName, notificationEventName } from "#domain/ids.ts";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import {
  type DeliveryEvent,
  DeliveryEventSchema,
  Moment,
  type NotificationRequested,
  NotificationRequestedSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { uuidv5 } from "#platform/uuid.ts";

export const NOTIFICATION = "0192f0c1-2345-7abc-8def-0123456789ab";
export const { EMAIL, WEB } = Channel;
export const { QUEUED, DEFERRED, SENT, FAILED, DEAD, SKIPPED, EXPIRED, CANCELED } = DeliveryStatus;

type Init = MessageInitShape<typeof DeliveryEventSchema>;

export const request = (
  init: Exclude<MessageInitShape<typeof NotificationRequestedSchema>, NotificationRequested> = {},
): NotificationRequested =>
  create(NotificationRequestedSchema, {
    notificationId: NOTIFICATION,
    environment: "development",
    recipients: [{ userId: "ann" }],
    eventType: "post.liked",
    category: "post",
    content: { title: "Bo liked your post" },
    acceptedAtMs: 1_000n,
    expiresAtMs: 9_000_000n,
    ...init,
  });

const event = (init: Init): DeliveryEvent =>
  create(DeliveryEventSchema, { notificationId: NOTIFICATION, environment: "development", ...init });

export const asked = (requested: NotificationRequested = request()): DeliveryEvent =>
  event({
    ...{ notificationId: requested.notificationId, environment: requested.environment },
    eventId: uuidv5(notificationEventName(requested.notificationId, "", "requested")),
    moment: Moment.REQUESTED,
    atMs: requested.acceptedAtMs + 2n,
    requested: toBinary(NotificationRequestedSchema, requested),
  });

export const deliveryId = (recipient: string, channel: Channel) => uuidv5(deliveryName(NOTIFICATION, recipient, nameOfChannel(channel), 0));

interface Decided {
  readonly channel: Channel;
  readonly send: boolean;
  readonly reasons: string[];
  readonly target?: string;
  readonly untilMs?: bigint;
  readonly locale?: string;
}

/** `recipient` is a user id, or `~word` for a bare address. */
export const decided = (recipient: string, decisions: readonly Decided[], atMs = 1_010n): DeliveryEvent =>
  event({
    eventId: uuidv5(notificationEventName(NOTIFICATION, recipient, "decided")),
    moment: Moment.DECIDED,
    userId: recipient.startsWith("~") ? "" : recipient,
    atMs,
    decisions: decisions.map((each) => ({ ...each, deliveryId: deliveryId(recipient, each.channel) })),
  });

export const change = (recipient: string, channel: Channel, status: DeliveryStatus, atMs: bigint, more: Init = {}): DeliveryEvent => {
  const { cycle = 1, attempt = 0, wait = 0, target = "" } = more;
  const id = deliveryId(recipient, channel);
  return event({
    eventId: uuidv5(deliveryEventName(id, { cycle, attempt, wait, target }, String(status))),
    moment: Moment.DELIVERY,
    userId: recipient.startsWith("~") ? "" : recipient,
    ...{ deliveryId: id, channel, status, atMs, cycle },
    ...more,
  });
};

/** At 2,000, too late for the deliveries named. */
export const canceled = (...tooLate: string[]): DeliveryEvent =>
  event({ eventId: uuidv5(notificationEventName(NOTIFICATION, "", "canceled")), moment: Moment.CANCELED, atMs: 2_000n, tooLate });

export const refused = (reason: string, init: Init = {}): DeliveryEvent =>
  event({
    eventId: uuidv5(notificationEventName(NOTIFICATION, "", "refused")),
    moment: Moment.REFUSED,
    atMs: 1_020n,
    reason,
    ...init,
  });

/** Ann by email, refused once and then sent, and in her inbox; bo has muted it. */
export const likedStory = (): DeliveryEvent[] => {
  const target = "ann@example.test";
  return [
    asked(request({ recipients: [{ userId: "ann" }, { userId: "bo" }] })),
    decided("ann", [
      { channel: EMAIL, send: true, reasons: ["channel_default"], target },
      { channel: WEB, send: true, reasons: ["channel_default"] },
    ]),
    decided("bo", [
      { channel: EMAIL, send: false, reasons: ["category_muted"] },
      { channel: WEB, send: false, reasons: ["category_muted"] },
    ]),
    change("ann", EMAIL, QUEUED, 1_010n, { target }),
    change("ann", WEB, QUEUED, 1_010n),
    change("ann", WEB, SENT, 1_015n, { attempt: 1, reason: "stored_in_inbox" }),
    change("ann", EMAIL, DEFERRED, 1_020n, {
      ...{ target, attempt: 1, reason: "temporarily_refused", detail: "450 mailbox busy", provider: "smtp", dueAtMs: 6_020n },
    }),
    change("ann", EMAIL, SENT, 6_100n, {
      target,
      attempt: 2,
      reason: "accepted_by_provider",
      provider: "smtp",
      providerMessageId: "<1@x>",
    }),
  ];
};
