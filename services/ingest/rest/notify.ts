/**
 * The broadcast facade: POST /notify. A message goes to every configured destination, each as a notification of its own, so that one
 * that fails leaves the others alone.
 */
import { z } from "zod";
import { channelNamed } from "#domain/channels/channel.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Route } from "#platform/rpc/route.ts";
import { parseBody, sendAt } from "./body.ts";
import { idempotencyKey, json, send } from "./send.ts";

const Body = z.strictObject({
  message: z.string({ error: "must be a string" }).min(1, { error: "must not be empty" }),
  title: z.string({ error: "must be a string" }).optional(),
  send_at: sendAt.optional(),
});

export interface Destination {
  readonly channel: Channel;
  readonly to: string;
}

/** "email:team@example.com" or "web:ann"; undefined when it is neither. */
export function destination(text: string): Destination | undefined {
  const colon = text.indexOf(":");
  const channel = colon > 0 ? channelNamed(text.slice(0, colon)) : undefined;
  const to = text.slice(colon + 1);
  return channel === undefined || to === "" ? undefined : { channel, to };
}

export const notifyRoute = (given: Pick<Given, "client" | "publicUrl">, destinations: readonly Destination[]): Route => ({
  method: "POST",
  path: "/notify",
  json: true,
  async handle(request) {
    const { message, title, send_at } = parseBody(Body, request.body);
    const ingest = given.client(IngestService, request.environment);
    const key = idempotencyKey(request);
    const notifications = await Promise.all(
      destinations.map(async ({ channel, to }, index) => {
        const { notificationId } = await send(
          ingest,
          request,
          {
            recipients: [channel === Channel.EMAIL ? { email: to } : { userId: to }],
            channels: [channel],
            eventType: "broadcast",
            content: { title: title ?? "Broadcast", body: message },
            ...(send_at && { sendAt: send_at }),
            idempotencyKey: key === "" ? "" : `${key}/${index}`,
          },
          { content: "message", "content.body": "message", "content.title": "title" },
        );
        return { id: notificationId, watch: `${given.publicUrl()}/n/${notificationId}` };
      }),
    );
    return json(202, { status: "queued", notifications });
  },
});
