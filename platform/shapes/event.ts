/**
 * The flat event: what happened to a person, in one object, and their preferences choose the channels. `POST /api/v1/notifications` takes
 * it, and so does the raw topic.
 */
import { z } from "zod";
import { channelNamed, channelNames } from "#domain/channels/channel.ts";
import { Priority } from "#gen/carillon/common/v1/common_pb.ts";
import { metadata, oneOf, sendAt, template, text, userId, words } from "./body.ts";

const priorities: Readonly<Record<string, Priority>> = {
  low: Priority.LOW,
  medium: Priority.MEDIUM,
  high: Priority.HIGH,
  critical: Priority.CRITICAL,
};

export const eventFields = {
  user_id: userId,
  event_type: text.min(1, { error: "must not be empty" }),
  content: words.optional(),
  template: template.optional(),
  title: text.optional(),
  category: text.optional(),
  actor: userId.optional(),
  tenant: text.optional(),
  channels: z.array(oneOf(channelNames, channelNamed), { error: "must be a list" }).optional(),
  priority: oneOf(Object.keys(priorities), (name) => priorities[name]).optional(),
  metadata: metadata.optional(),
  send_at: sendAt.optional(),
};

type Event = z.output<z.ZodObject<typeof eventFields>>;

/** In our Send's words -> in this shape's. */
export const eventNames = {
  "recipients[0].user_id": "user_id",
  "content.title": "title",
  "content.body": "content",
};

/** What Send is asked for it. */
export function eventRequest(event: Event) {
  const isInline = event.content !== undefined || event.title !== undefined || !event.template;
  return {
    recipients: [{ userId: event.user_id }],
    eventType: event.event_type,
    ...(isInline && { content: { title: event.title ?? titleOf(event.event_type), body: event.content ?? "" } }),
    ...(event.template && { template: event.template }),
    category: event.category ?? "",
    actor: event.actor ?? "",
    tenant: event.tenant ?? "",
    channels: event.channels ?? [],
    priority: event.priority ?? Priority.UNSPECIFIED,
    ...(event.metadata && { metadata: event.metadata }),
    ...(event.send_at && { sendAt: event.send_at }),
  };
}

const TITLE_MOST_CHARS = 128;

/** "security_alert" -> "Security alert". Keeps a title's rules whatever the event type is: a title that nobody sent is not to be blamed. */
const titleOf = (eventType: string) => {
  const title = eventType
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .trim()
    .slice(0, TITLE_MOST_CHARS);
  return title.charAt(0).toUpperCase() + title.slice(1);
};
