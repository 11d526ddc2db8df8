/**
 * The web channel's worker: a row in the person's inbox, then a word to whoever holds their browsers.
 *
 * No ledger: a repeat finds its row and is published again, and clients merge by seq. What was stored in time stays sent, also when its
 * record comes again after it has expired.
 */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { plainText } from "#domain/channels/text.ts";
import { formatCursor } from "#domain/cursor.ts";
import { deliveryEventName } from "#domain/ids.ts";
import type { Reason } from "#domain/reasons.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, DeliveryEventSchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { PushedSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Output } from "#platform/log/log.ts";
import type { Received, Stage } from "#platform/stage/stage.ts";
import { uuidv5 } from "#platform/uuid.ts";
import type { InboxStore, NewRow, Placed } from "./store.ts";

interface Readable {
  readonly received: Received<Delivery>;
  readonly row: NewRow;
}

export const inboxStage = (store: InboxStore, { clock, fanout, logger }: Pick<Given, "clock" | "fanout" | "logger">): Stage<Delivery> => ({
  name: "inbox",
  reads: [topics.web],
  writes: [topics.deliveryEvents],
  deadLetters: topics.deadWeb,
  async handle(batch) {
    const nowMs = clock.nowMs();
    const ids = ({ deliveryId, notificationId }: Delivery) => ({ deliveryId, notificationId });
    const sent = ({ received, row }: Readable, place: Placed) => {
      fanout.publish(`${row.environment}/${row.userId}`, pushed(row, place));
      logger.info(ids(received.value), "stored in the inbox");
      const { createdAtMs } = place;
      batch.done(received, event(received, "sent", { reason: "stored_in_inbox", atMs: createdAtMs, attempt: 1, provider: "inbox" }));
    };

    const readable: Readable[] = [];
    for (const received of batch.records) {
      const row = rowOf(received.value, nowMs);
      if (row) {
        readable.push({ received, row });
        continue;
      }
      logger.warn(ids(received.value), "delivery dead");
      batch.bury(
        received,
        "undecodable",
        "content cannot be read as text",
        event(received, "dead", { reason: "undecodable", atMs: nowMs }),
      );
    }
    const isLive = ({ received }: Readable) => Number(received.value.expiresAtMs) > nowMs;
    const live = readable.filter(isLive);
    const late = readable.filter((each) => !isLive(each));

    const places = await store.add(live.map(({ row }) => row));
    for (const [index, each] of live.entries()) sent(each, places[index] as Placed);
    const earlier = await store.placed(late.map(({ row }) => row));
    for (const [index, each] of late.entries()) {
      const place = earlier[index];
      if (place) sent(each, place);
      else batch.done(each.received, event(each.received, "expired", { reason: "expired", atMs: nowMs }));
    }
  },
});

/** Undefined when nobody can read the words: whatever is wrong with them, it will be so every time. */
function rowOf({ environment, userId, deliveryId, notificationId, eventType, category, content }: Delivery, nowMs: number) {
  try {
    const { title, body, html } = fromBinary(ContentSchema, content);
    const text = body === "" ? plainText(html) : body;
    return { environment, userId, deliveryId, notificationId, eventType, category, title, body: text, createdAtMs: nowMs };
  } catch {
    return undefined;
  }
}

function pushed(row: NewRow, { epoch, seq, createdAtMs }: Placed): Uint8Array {
  const { deliveryId, notificationId, eventType, category, title, body } = row;
  const message = { seq: BigInt(seq), deliveryId, notificationId, eventType, category, title, body, createdAtMs: BigInt(createdAtMs) };
  return toBinary(PushedSchema, create(PushedSchema, { message, cursor: formatCursor({ epoch, seq }) }));
}

const statuses = { sent: DeliveryStatus.SENT, expired: DeliveryStatus.EXPIRED, dead: DeliveryStatus.DEAD } as const;

function event(
  { record, value }: Received<Delivery>,
  is: keyof typeof statuses,
  { reason, atMs, attempt = 0, provider = "" }: { reason: Reason; atMs: number; attempt?: number; provider?: string },
): Output {
  const { deliveryId, notificationId, environment, userId, cycle, wait, target } = value;
  const init: MessageInitShape<typeof DeliveryEventSchema> = {
    eventId: uuidv5(deliveryEventName(deliveryId, { cycle, attempt, wait, target }, is)),
    ...{ moment: Moment.DELIVERY, status: statuses[is], reason, attempt, provider, atMs: BigInt(atMs) },
    ...{ deliveryId, notificationId, environment, userId, channel: Channel.WEB, cycle, wait, target },
  };
  return { topic: topics.deliveryEvents, key: record.key, value: toBinary(DeliveryEventSchema, create(DeliveryEventSchema, init)) };
}
