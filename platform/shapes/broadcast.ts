/**
 * The broadcast: a message that goes to every configured destination, each as a notification of its own, so that one that fails leaves
 * the others alone. `POST /notify` takes it, and so does the raw topic.
 */
import { create } from "@bufbuild/protobuf";
import type { z } from "zod";
import { channelNamed } from "#domain/channels/channel.ts";
import { normaliseEmail } from "#domain/channels/email.ts";
import { Problem } from "#domain/errors.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { RecipientSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { variableOf } from "#platform/config/config.ts";
import { validateMessage } from "#platform/rpc/validation.ts";
import { sendAt, text, words } from "./body.ts";

export const broadcastFields = {
  message: words,
  title: text.optional(),
  send_at: sendAt.optional(),
};

type Broadcast = z.output<z.ZodObject<typeof broadcastFields>>;

/** In our Send's words -> in this shape's. */
export const broadcastNames = { content: "message", "content.body": "message", "content.title": "title" };

export interface Destination {
  readonly channel: Channel;
  readonly to: string;
}

/** "email:team@example.com" or "web:ann"; undefined when it is neither, or nobody whom Send would take. */
export function destination(text: string): Destination | undefined {
  const colon = text.indexOf(":");
  const channel = colon > 0 ? channelNamed(text.slice(0, colon)) : undefined;
  const to = text.slice(colon + 1);
  if (channel === undefined || (channel === Channel.EMAIL && normaliseEmail(to) === undefined)) return undefined;
  const found = { channel, to };
  return to !== "" && validateMessage(RecipientSchema, create(RecipientSchema, recipientOf(found))).length === 0 ? found : undefined;
}

const recipientOf = ({ channel, to }: Destination) => (channel === Channel.EMAIL ? { email: to } : { userId: to });

export type BroadcastRequest = ReturnType<typeof broadcastRequest>;

const broadcastRequest = ({ message, title, send_at }: Broadcast, to: Destination) => ({
  recipients: [recipientOf(to)],
  channels: [to.channel],
  eventType: "broadcast",
  content: { title: title ?? "Broadcast", body: message },
  ...(send_at && { sendAt: send_at }),
});

/** What Send is asked for each destination. Throws Problem where there is none. */
export function broadcastRequests(message: Broadcast, destinations: readonly Destination[]): BroadcastRequest[] {
  if (destinations.length > 0) return destinations.map((to) => broadcastRequest(message, to));
  const description = `would go nowhere: ${variableOf("broadcast.destinations")} is not set here`;
  throw new Problem("INVALID_REQUEST", { violations: [{ field: "message", description }] });
}

/** The idempotency key of one destination's notification, derived from the whole's. */
export const partKey = (key: string, index: number): string => (key === "" ? "" : `${key}/${index}`);
