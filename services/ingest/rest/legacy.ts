/**
 * The oldest facade: POST and GET /notification_service/api/notifications. One recipient, one channel, times in epoch seconds.
 *
 * PROCESSING means that a delivery is open, SENT that any was sent, FAILED the rest.
 */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { z } from "zod";
import { channelNamed, channelNames, nameOfChannel } from "#domain/channels/channel.ts";
import { Problem } from "#domain/errors.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { Channel, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { type Notification, TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { Given } from "#platform/host.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import type { Route } from "#platform/rpc/route.ts";
import type { Shedder } from "#platform/rpc/shed.ts";
import { isWorded, metadata, oneOf, parseBody, template, text, unworded, userId, words } from "#platform/shapes/body.ts";
import { idempotencyKey, json, send } from "./send.ts";

const PATH = "/notification_service/api/notifications";
const types = channelNames.map((name) => name.toUpperCase());

const Body = z
  .strictObject({
    type: oneOf(types, channelNamed),
    title: text.optional(),
    content: words.optional(),
    template: template.optional(),
    userId: userId.optional(),
    recipient: text.optional(),
    metadata: metadata.optional(),
    sendAt: z
      .int({ error: "must be a time in epoch seconds" })
      .min(0, { error: "must be a time in epoch seconds" })
      .max(253_402_300_799, { error: "must be a time in epoch seconds, not milliseconds" })
      .transform((seconds) => timestampFromMs(seconds * 1_000))
      .optional(),
  })
  .refine(isWorded, unworded);

/** In our Send's words -> in this facade's. */
const names = {
  "recipients[0].email": "recipient",
  "recipients[0].user_id": "userId",
  send_at: "sendAt",
  "content.title": "title",
  "content.body": "content",
  "content.html": "content",
};

/** Mail content of this facade has always been HTML; plain text is told by the want of any tag. */
const wordsOf = (title: string, content: string, channel: Channel) =>
  channel === Channel.EMAIL && /<[a-z!/]/i.test(content) ? { title, html: content } : { title, body: content };

export const legacyRoutes = (given: Pick<Given, "client">, shedder: Shedder): Route[] => [
  {
    method: "POST",
    path: PATH,
    scope: Scope.SEND,
    json: true,
    shedder,
    async handle(request) {
      const body = parseBody(Body, request.body);
      const isInline = body.content !== undefined || (body.title !== undefined && body.template !== undefined);
      const to = { userId: body.userId ?? "", email: body.recipient ?? "" };
      if (to.userId === "" && to.email === "")
        throw new Problem("INVALID_REQUEST", {
          violations: [{ field: "recipient", description: "is missing: name an email address, or a userId" }],
        });
      const { notificationId } = await send(
        given.client(IngestService, request.environment),
        request,
        {
          recipients: [to],
          channels: [body.type],
          ...(isInline && { content: wordsOf(body.title ?? "", body.content ?? "", body.type) }),
          ...(body.template && { template: body.template }),
          ...(body.metadata && { metadata: body.metadata }),
          ...(body.sendAt && { sendAt: body.sendAt }),
          idempotencyKey: idempotencyKey(request),
        },
        names,
      );
      return json(200, await read(given, request.environment, notificationId), { location: `${PATH}/${notificationId}` });
    },
  },
  {
    method: "GET",
    path: `${PATH}/:id`,
    scope: Scope.READ,
    async handle(request) {
      return json(200, await read(given, request.environment, request.params.id ?? ""));
    },
  },
];

async function read(given: Pick<Given, "client">, environment: string, notificationId: string) {
  try {
    const { notification } = await given.client(TrackerService, environment).getNotification({ notificationId });
    return shown(notification as Notification);
  } catch (error) {
    throw error instanceof ConnectError ? problemFrom(error) : error;
  }
}

function shown(notification: Notification) {
  const [first] = notification.recipients;
  const id = first?.userId ?? "";
  return {
    id: notification.notificationId,
    type: nameOfChannel(notification.channels[0] ?? notification.deliveries[0]?.channel ?? Channel.EMAIL).toUpperCase(),
    title: notification.content?.title ?? "",
    content: notification.content?.html || notification.content?.body || "",
    ...(id !== "" && { userId: /^(0|[1-9]\d{0,14})$/.test(id) ? Number(id) : id }),
    ...(first?.email && { recipient: first.email }),
    metadata: notification.metadata ?? {},
    ...(notification.sendAtMs > 0n && { sendAt: Math.floor(Number(notification.sendAtMs) / 1_000) }),
    status: statusWord(notification.status),
    createdAt: Math.floor(Number(notification.createdAtMs) / 1_000),
    updatedAt: Math.floor(Number(notification.updatedAtMs) / 1_000),
  };
}

const statusWord = (status: NotificationStatus) =>
  status === NotificationStatus.PROCESSING ? "PROCESSING" : status === NotificationStatus.SENT ? "SENT" : "FAILED";
