/**
 * The web channel's worker: a row in the person's inbox, then a word to whoever holds their browsers.
 *
 * No ledger: a repeat finds its row and is published again, and clients merge by seq.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { nameOfChannel } from "#domain/channels/channel.ts";
import { plainText } from "#domain/channels/text.ts";
import { formatCursor } from "#domain/cursor.ts";
import { deliveryEventName } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, DeliveryEventSchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { PushedSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Output } from "#platform/log/log.ts";
import type { Received, Stage } from "#platform/stage/stage.ts";
import { deliveryMetrics } from "#platform/telemetry/deliveries.ts";
import { uuidv5 } from "#platform/uuid.ts";
import type { InboxStore, NewRow, Placed } from "./store.ts";

const PROVIDER = "inbox";

export const inboxStage = (store: InboxStore, given: Pick<Given, "clock" | "fanout" | "logger" | "metrics">): Stage<Delivery> => {
  const { clock, fanout, logger } = given;
  const metrics = deliveryMetrics(given.metrics, nameOfChannel(Channel.WEB));
  return {
    name: "inbox",
    reads: [topics.web],
    writes: [topics.deliveryEvents],
    deadLetters: topics.deadWeb,
    async handle(batch) {
      const nowMs = clock.nowMs();
      const live: { received: Received<Delivery>; row: NewRow }[] = [];
      for (const received of batch.records) {
        if (Number(received.value.expiresAtMs) > nowMs) live.push({ received, row: rowOf(received.value, nowMs) });
        else {
          metrics.delivered({ provider: PROVIDER, status: "expired", reason: "expired" });
          batch.done(received, event(received, { status: DeliveryStatus.EXPIRED, reason: "expired", atMs: BigInt(nowMs) }));
        }
      }
      const placed = await store.add(live.map(({ row }) => row));
      for (const [index, { received, row }] of live.entries()) {
        const place = placed[index] as Placed;
        fanout.publish(`${row.environment}/${row.userId}`, pushed(row, place));
        logger.info({ notificationId: row.notificationId, deliveryId: row.deliveryId }, "stored in the inbox");
        metrics.delivered({ provider: PROVIDER, status: "sent", reason: "stored_in_inbox" });
        const sent = {
          status: DeliveryStatus.SENT,
          reason: "stored_in_inbox",
          atMs: BigInt(place.createdAtMs),
          attempt: 1,
          provider: PROVIDER,
        };
        batch.done(received, event(received, sent));
      }
    },
  };
};

function rowOf({ environment, userId, deliveryId, notificationId, eventType, category, content }: Delivery, nowMs: number): NewRow {
  const { title, body, html } = fromBinary(ContentSchema, content);
  const text = body === "" ? plainText(html) : body;
  return { environment, userId, deliveryId, notificationId, eventType, category, title, body: text, createdAtMs: nowMs };
}

const pushed = (row: NewRow, { epoch, seq, createdAtMs }: Placed): Uint8Array => {
  const message = { ...row, seq: BigInt(seq), createdAtMs: BigInt(createdAtMs) };
  const { deliveryId, notificationId, eventType, category, title, body } = message;
  return toBinary(
    PushedSchema,
    create(PushedSchema, {
      message: { seq: message.seq, deliveryId, notificationId, eventType, category, title, body, createdAtMs: message.createdAtMs },
      cursor: formatCursor({ epoch, seq }),
    }),
  );
};

function event(
  { record, value }: Received<Delivery>,
  what: { status: DeliveryStatus; reason: string; atMs: bigint; attempt?: number; provider?: string },
): Output {
  const { deliveryId, notificationId, environment, userId, cycle, wait, target } = value;
  const attempt = what.attempt ?? 0;
  const word = what.status === DeliveryStatus.SENT ? "sent" : "expired";
  const init = {
    ...what,
    ...{ moment: Moment.DELIVERY, deliveryId, notificationId, environment, userId, channel: Channel.WEB, cycle, wait, target },
    eventId: uuidv5(deliveryEventName(deliveryId, { cycle, attempt, wait, target }, word)),
  };
  return { topic: topics.deliveryEvents, key: record.key, value: toBinary(DeliveryEventSchema, create(DeliveryEventSchema, init)) };
}
