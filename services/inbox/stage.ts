/**
 * The web channel's worker: a row in the person's inbox, then a word to whoever holds their browsers.
 *
 * A repeat finds its row and is published again, and clients merge by seq. So the ledger is asked for one thing only: whether the
 * notification has been canceled. What it has let pass once it lets pass again, for a row may be there by then.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { plainText } from "#domain/channels/text.ts";
import { formatCursor } from "#domain/cursor.ts";
import { deliveryEventName } from "#domain/ids.ts";
import type { Reason } from "#domain/reasons.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, DeliveryEventSchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { PushedSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Intent, Try } from "#platform/ledger/ledger.ts";
import type { Output } from "#platform/log/log.ts";
import type { Received, Stage } from "#platform/stage/stage.ts";
import { uuidv5 } from "#platform/uuid.ts";
import type { InboxStore, NewRow, Placed } from "./store.ts";

/** As long as the ledger keeps what it knows of a send. */
const LEASE_MS = 24 * 3_600_000;

type Needs = Pick<Given, "clock" | "fanout" | "ledger" | "logger" | "worker">;

export const inboxStage = (store: InboxStore, { clock, fanout, ledger, logger, worker }: Needs): Stage<Delivery> => ({
  name: "inbox",
  reads: [topics.web],
  writes: [topics.deliveryEvents],
  deadLetters: topics.deadWeb,
  async handle(batch) {
    const nowMs = clock.nowMs();
    const intents = await ledger.intend(
      batch.records.map(({ value }) => tryOf(value, worker)),
      { repeatable: true },
    );
    const live: { received: Received<Delivery>; row: NewRow }[] = [];
    for (const [index, received] of batch.records.entries()) {
      const atMs = BigInt(nowMs);
      const intent = intents[index] as Intent;
      const isCanceled = intent.is === "canceled" || (intent.is === "settled" && intent.state === "canceled");
      if (isCanceled) batch.done(received, event(received, { status: DeliveryStatus.CANCELED, reason: "canceled", atMs }));
      else if (Number(received.value.expiresAtMs) > nowMs) live.push({ received, row: rowOf(received.value, nowMs) });
      else batch.done(received, event(received, { status: DeliveryStatus.EXPIRED, reason: "expired", atMs }));
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
      } as const;
      batch.done(received, event(received, sent));
    }
  },
});

const tryOf = ({ environment, notificationId, deliveryId, cycle, target, attempt, wait }: Delivery, worker: string): Try => ({
  ...{ environment, notificationId, deliveryId, cycle, target, attempt, wait },
  ...{ worker, leaseMs: LEASE_MS },
});

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

const words = { [DeliveryStatus.SENT]: "sent", [DeliveryStatus.EXPIRED]: "expired", [DeliveryStatus.CANCELED]: "canceled" } as const;

function event(
  { record, value }: Received<Delivery>,
  what: { status: keyof typeof words; reason: Reason; atMs: bigint; attempt?: number; provider?: string },
): Output {
  const { deliveryId, notificationId, environment, userId, cycle, wait, target } = value;
  const attempt = what.attempt ?? 0;
  const word = words[what.status];
  const init = {
    ...what,
    ...{ moment: Moment.DELIVERY, deliveryId, notificationId, environment, userId, channel: Channel.WEB, cycle, wait, target },
    eventId: uuidv5(deliveryEventName(deliveryId, { cycle, attempt, wait, target }, word)),
  };
  return { topic: topics.deliveryEvents, key: record.key, value: toBinary(DeliveryEventSchema, create(DeliveryEventSchema, init)) };
}
