/** The event facade: POST /api/v1/notifications. What happened to a person; their preferences choose the channels. */
import { z } from "zod";
import { channelNamed, channelNames } from "#domain/channels/channel.ts";
import { type Channel, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Route } from "#platform/rpc/route.ts";
import { metadata, parseBody, template, userId } from "./body.ts";
import { idempotencyKey, json, send } from "./send.ts";

const priorities = { low: Priority.LOW, medium: Priority.MEDIUM, high: Priority.HIGH, critical: Priority.CRITICAL } as const;

const Body = z.strictObject({
  user_id: userId,
  event_type: z.string({ error: "must be a string" }).min(1, { error: "must not be empty" }),
  content: z.string({ error: "must be a string" }).min(1, { error: "must not be empty" }).optional(),
  template: template.optional(),
  title: z.string({ error: "must be a string" }).optional(),
  category: z.string({ error: "must be a string" }).optional(),
  actor: userId.optional(),
  channels: z
    .array(z.string().refine((name) => channelNamed(name) !== undefined, { error: `must be one of ${channelNames.join(", ")}` }))
    .transform((names) => names.map((name) => channelNamed(name) as Channel))
    .optional(),
  priority: z.enum(["low", "medium", "high", "critical"], { error: "must be low, medium, high or critical" }).optional(),
  metadata: metadata.optional(),
});

const names = {
  "recipients[0].user_id": "user_id",
  "content.title": "title",
  "content.body": "content",
};

/** "security_alert" -> "Security alert". */
const titleOf = (eventType: string) => {
  const words = eventType.replaceAll(/[._:-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export const eventsRoute = (given: Pick<Given, "client" | "publicUrl">): Route => ({
  method: "POST",
  path: "/api/v1/notifications",
  json: true,
  async handle(request) {
    const body = parseBody(Body, request.body);
    const isWorded = body.content !== undefined || body.title !== undefined;
    const { notificationId } = await send(
      given.client(IngestService, request.environment),
      request,
      {
        recipients: [{ userId: body.user_id }],
        eventType: body.event_type,
        ...(isWorded && { content: { title: body.title ?? titleOf(body.event_type), body: body.content ?? "" } }),
        ...(body.template && { template: body.template }),
        category: body.category ?? "",
        actor: body.actor ?? "",
        channels: body.channels ?? [],
        priority: body.priority ? priorities[body.priority] : Priority.UNSPECIFIED,
        ...(body.metadata && { metadata: body.metadata }),
        idempotencyKey: idempotencyKey(request),
      },
      names,
    );
    return json(202, { id: notificationId, status: "queued", watch: `${given.publicUrl()}/n/${notificationId}` });
  },
});
