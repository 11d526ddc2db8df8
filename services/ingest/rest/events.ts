/** The event facade: POST /api/v1/notifications. What happened to a person; their preferences choose the channels. */
import { z } from "zod";
import { channelNamed, channelNames } from "#domain/channels/channel.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { Priority } from "#gen/carillon/common/v1/common_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Route } from "#platform/rpc/route.ts";
import { isWorded, metadata, oneOf, parseBody, sendAt, template, text, unworded, userId, words } from "./body.ts";
import { idempotencyKey, json, send } from "./send.ts";

const priorities: Readonly<Record<string, Priority>> = {
  low: Priority.LOW,
  medium: Priority.MEDIUM,
  high: Priority.HIGH,
  critical: Priority.CRITICAL,
};

const Body = z
  .strictObject({
    user_id: userId,
    event_type: text.min(1, { error: "must not be empty" }),
    content: words.optional(),
    template: template.optional(),
    title: text.optional(),
    category: text.optional(),
    actor: userId.optional(),
    channels: z.array(oneOf(channelNames, channelNamed), { error: "must be a list" }).optional(),
    priority: oneOf(Object.keys(priorities), (name) => priorities[name]).optional(),
    metadata: metadata.optional(),
    send_at: sendAt.optional(),
  })
  .refine(isWorded, unworded);

const names = {
  "recipients[0].user_id": "user_id",
  "content.title": "title",
  "content.body": "content",
};

const TITLE_MOST_CHARS = 128;

/** "security_alert" -> "Security alert". Keeps a title's rules whatever the event type is: a title that nobody sent is not to be blamed. */
const titleOf = (eventType: string) => {
  const title = eventType
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .trim()
    .slice(0, TITLE_MOST_CHARS);
  return title.charAt(0).toUpperCase() + title.slice(1);
};

export const eventsRoute = (given: Pick<Given, "client">): Route => ({
  method: "POST",
  path: "/api/v1/notifications",
  scope: Scope.SEND,
  json: true,
  async handle(request) {
    const body = parseBody(Body, request.body);
    const isInline = body.content !== undefined || (body.title !== undefined && body.template !== undefined);
    const { notificationId } = await send(
      given.client(IngestService, request.environment),
      request,
      {
        recipients: [{ userId: body.user_id }],
        eventType: body.event_type,
        ...(isInline && { content: { title: body.title ?? titleOf(body.event_type), body: body.content ?? "" } }),
        ...(body.template && { template: body.template }),
        category: body.category ?? "",
        actor: body.actor ?? "",
        channels: body.channels ?? [],
        priority: body.priority ?? Priority.UNSPECIFIED,
        ...(body.metadata && { metadata: body.metadata }),
        ...(body.send_at && { sendAt: body.send_at }),
        idempotencyKey: idempotencyKey(request),
      },
      names,
    );
    return json(202, { id: notificationId, status: "queued", watch: `${request.baseUrl}/n/${notificationId}` });
  },
});
