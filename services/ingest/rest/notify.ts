/**
 * The broadcast facade: POST /notify. A message goes to every configured destination, each as a notification of its own, so that one
 * that fails leaves the others alone.
 */
import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { channelNamed } from "#domain/channels/channel.ts";
import { normaliseEmail } from "#domain/channels/email.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { IngestService, RecipientSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Route } from "#platform/rpc/route.ts";
import { validateMessage } from "#platform/rpc/validation.ts";
import { parseBody, sendAt, text, words } from "./body.ts";
import { idempotencyKey, json, send } from "./send.ts";

const Body = z.strictObject({
  message: words,
  title: text.optional(),
  send_at: sendAt.optional(),
});

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

export const notifyRoute = (given: Pick<Given, "client">, destinations: readonly Destination[]): Route => ({
  method: "POST",
  path: "/notify",
  scope: Scope.SEND,
  json: true,
  async handle(request) {
    const { message, title, send_at } = parseBody(Body, request.body);
    const ingest = given.client(IngestService, request.environment);
    const key = idempotencyKey(request);
    const notifications = await Promise.all(
      destinations.map(async (each, index) => {
        const { notificationId } = await send(
          ingest,
          request,
          {
            recipients: [recipientOf(each)],
            channels: [each.channel],
            eventType: "broadcast",
            content: { title: title ?? "Broadcast", body: message },
            ...(send_at && { sendAt: send_at }),
            idempotencyKey: key === "" ? "" : `${key}/${index}`,
          },
          { content: "message", "content.body": "message", "content.title": "title" },
        );
        return { id: notificationId, watch: `${request.baseUrl}/n/${notificationId}` };
      }),
    );
    return json(202, { status: "queued", notifications });
  },
});
