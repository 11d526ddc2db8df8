/**
 * The web channel's worker: a row in the person's inbox, then a word to whoever holds their browsers.
 *
 * No ledger: a repeat finds its row and is published again, and clients merge by seq.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { plainText } from "#domain/channels/text.ts";
import { formatCursor } from "#domain/cursor.ts";
import { deliveryEventName } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { Channel, type Content, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, DeliveryEventSchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { PushedSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Output } from "#platform/log/log.ts";
import type { WordsOf } from "#platform/render/content.ts";
import type { Received, Stage } from "#platform/stage/stage.ts";
import { uuidv5 } from "#platform/uuid.ts";
import type { InboxStore, NewRow, Placed } from "./store.ts";

interface Needs extends Pick<Given, "clock" | "fanout" | "logger"> {
  readonly wordsOf: WordsOf;
}

export const inboxStage = (store: InboxStore, { clock, fanout, logger, wordsOf }: Needs): Stage<Delivery> => ({
  name: "inbox",
  reads: [topics.web],
  writes: [topics.deliveryEvents],
  deadLetters: topics.deadWeb,
  async handle(batch) {
    const nowMs = clock.nowMs();
    const live: { received: Received<Delivery>; row: NewRow }[] = [];
    for (const received of batch.records) {
      const atMs = BigInt(nowMs);
      if (Number(received.value.expiresAtMs) <= nowMs) {
        batch.done(received, event(received, { status: DeliveryStatus.EXPIRED, reason: "expired", atMs }));
        continue;
      }
      const words = await wordsOf(received.value);
      if ("unsendable" in words) {
        const { unsendable: reason, detail } = words;
        batch.bury(received, reason, detail, event(received, { status: DeliveryStatus.DEAD, reason, detail, atMs }));
      } else live.push({ received, row: rowOf(received.value, words, nowMs) });
    }
    const placed = await store.add(live.map(({ row }) => row));
    for (const [index, { received, row }] of live.entries()) {
      const place = placed[index] as Placed;
      fanout.publish(`${row.environment}/${row.userId}`, pushed(row, place));
      logger.info({ notificationId: row.notificationId, deliveryId: row.deliveryId }, "stored in the inbox");
      const sent = {
        status: DeliveryStatus.SENT,
        reason: "stored_in_inbox",
        atMs: BigInt(place.createdAtMs),
        attempt: 1,
        provider: "inbox",
      };
      batch.done(received, event(received, sent));
    }
  },
});

function rowOf(
  { environment, userId, deliveryId, notificationId, eventType, category }: Delivery,
  { title, body, html }: Content,
  nowMs: number,
): NewRow {
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

const settledAs = { [DeliveryStatus.SENT]: "sent", [DeliveryStatus.EXPIRED]: "expired", [DeliveryStatus.DEAD]: "dead" } as const;
type Settled = keyof typeof settledAs;

function event(
  { record, value }: Received<Delivery>,
  what: { status: Settled; reason: string; atMs: bigint; attempt?: number; provider?: string; detail?: string },
): Output {
  const { deliveryId, notificationId, environment, userId, cycle, wait, target } = value;
  const attempt = what.attempt ?? 0;
  const init = {
    ...what,
    ...{ moment: Moment.DELIVERY, deliveryId, notificationId, environment, userId, channel: Channel.WEB, cycle, wait, target },
    eventId: uuidv5(deliveryEventName(deliveryId, { cycle, attempt, wait, target }, settledAs[what.status])),
  };
  return { topic: topics.deliveryEvents, key: record.key, value: toBinary(DeliveryEventSchema, create(DeliveryEventSchema, init)) };
}
