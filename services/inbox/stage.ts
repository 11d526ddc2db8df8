/**
 * The web channel's worker: a row in the person's inbox, then a word to whoever holds their browsers.
 *
 * A repeat finds its row and is published again, and clients merge by seq. So the ledger is asked for one thing only: whether the
 * notification has been canceled, or the person is suppressed or was erased. What was stored in time stays sent, also when its record comes again after
 * that, or after it has expired.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { nameOfChannel } from "#domain/channels/channel.ts";
import { plainText } from "#domain/channels/text.ts";
import { formatCursor } from "#domain/cursor.ts";
import { deliveryEventName } from "#domain/ids.ts";
import type { Reason } from "#domain/reasons.ts";
import * as topics from "#domain/topics.ts";
import { Channel, type Content, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, DeliveryEventSchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { PushedSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import type { Given } from "#platform/host.ts";
import { erasedAmong } from "#platform/ledger/erasures.ts";
import type { Barred, Intent, Try } from "#platform/ledger/ledger.ts";
import { reachOf } from "#platform/ledger/reach.ts";
import type { Output } from "#platform/log/log.ts";
import { encode } from "#platform/protobuf/codec.ts";
import type { Unworded, WordsOf } from "#platform/render/content.ts";
import type { Received, Stage } from "#platform/stage/stage.ts";
import { deliveryMetrics } from "#platform/telemetry/deliveries.ts";
import { uuidv5 } from "#platform/uuid.ts";
import type { InboxStore, NewRow, Placed } from "./store.ts";

interface Needs extends Pick<Given, "clock" | "fanout" | "ledger" | "logger" | "metrics" | "worker"> {
  readonly wordsOf: WordsOf;
}

interface Readable {
  readonly received: Received<Delivery>;
  readonly row: NewRow;
}

/** As long as the ledger keeps what it knows of a send: a repeat finds it and writes nothing. */
const LEASE_MS = 24 * 3_600_000;

const PROVIDER = "inbox";

export const inboxStage = (store: InboxStore, needs: Needs): Stage<Delivery> => {
  const { clock, fanout, ledger, logger, worker, wordsOf } = needs;
  const metrics = deliveryMetrics(needs.metrics, nameOfChannel(Channel.WEB));
  const ended: typeof event = (received, is, said) => {
    metrics.delivered({ provider: PROVIDER, status: is, reason: said.reason });
    return event(received, is, said);
  };
  /**
   * Whose rows were stored while they were erased: read behind the rows, so that those are deleted by the one or by the other. Also rows that
   * are found there: whoever stored them may have died before it looked.
   */
  const erasedSince = async (stored: readonly Readable[]): Promise<ReadonlySet<Readable>> => {
    const concerning = stored.map((each) => {
      const { environment, userId, acceptedAtMs } = each.received.value;
      return { environment, userId, acceptedAtMs, each };
    });
    const erased = [...(await erasedAmong(ledger, concerning))];
    for (const { environment, userId } of erased) await store.erase(environment, userId);
    return new Set(erased.map(({ each }) => each));
  };

  return {
    name: "inbox",
    reads: [topics.web],
    writes: [topics.deliveryEvents],
    deadLetters: topics.deadWeb,
    async handle(batch) {
      const nowMs = clock.nowMs();
      const sent = ({ received, row }: Readable, place: Placed) => {
        fanout.publish(`${row.environment}/${row.userId}`, pushed(row, place));
        logger.info(idsOf(received.value), "stored in the inbox");
        const { createdAtMs } = place;
        batch.done(received, ended(received, "sent", { reason: "stored_in_inbox", atMs: createdAtMs, attempt: 1, provider: PROVIDER }));
      };

      const dead = (received: Received<Delivery>, reason: Reason, detail: string) => {
        logger.warn({ ...idsOf(received.value), reason }, "delivery dead");
        batch.bury(received, reason, detail, ended(received, "dead", { reason, detail, atMs: nowMs }));
      };
      const readable: Readable[] = [];
      for (const received of batch.records) {
        const words = await wordsOf(received.value);
        const row = "unsendable" in words ? words : rowOf(received.value, words, nowMs);
        if (!("unsendable" in row)) {
          readable.push({ received, row });
          continue;
        }
        dead(received, row.unsendable, row.detail);
      }
      const intents = await ledger.intend(
        readable.map(({ received }) => tryOf(received.value, worker)),
        { repeatable: true },
      );
      const answered = new Map(readable.map((each, index) => [each, intents[index] as Intent]));
      const known = readable.filter((each) => {
        const intent = answered.get(each);
        if (intent?.is === "malformed") dead(each.received, "ledger_malformed", intent.detail);
        return intent?.is !== "malformed";
      });
      const barred = new Map(known.map((each) => [each, barredBy(answered.get(each) as Intent)]));
      const isLive = (each: Readable) => !barred.get(each) && Number(each.received.value.expiresAtMs) > nowMs;
      const live = known.filter(isLive);
      const late = known.filter((each) => !isLive(each));

      const places = await store.add(live.map(({ row }) => row));
      const earlier = await store.placed(late.map(({ row }) => row));
      const stored = new Map([...placed(live, places), ...placed(late, earlier)]);
      const erased = await erasedSince([...stored.keys()]);
      for (const each of known) {
        const place = stored.get(each);
        const end = erased.has(each) ? "erased" : (barred.get(each) ?? "expired");
        if (place && !erased.has(each)) sent(each, place);
        else batch.done(each.received, ended(each.received, end, { reason: end, atMs: nowMs }));
      }
    },
    givenUp(record, value, reason, detail) {
      if (!value) return [];
      logger.warn({ ...idsOf(value), reason }, "delivery dead");
      return [ended({ record, value }, "dead", { reason, detail, atMs: clock.nowMs() })];
    },
  };
};

const placed = (all: readonly Readable[], places: readonly (Placed | undefined)[]): [Readable, Placed][] =>
  all.flatMap((each, index) => (places[index] ? [[each, places[index]]] : []));

const idsOf = ({ deliveryId, notificationId }: Delivery) => ({ deliveryId, notificationId });

const tryOf = (delivery: Delivery, worker: string): Try => {
  const { environment, notificationId, deliveryId, cycle, target, attempt, wait } = delivery;
  return {
    ...{ environment, notificationId, deliveryId, cycle, target, attempt, wait },
    ...{ reaches: reachOf(delivery), acceptedAtMs: Number(delivery.acceptedAtMs), worker, leaseMs: LEASE_MS },
  };
};

function barredBy(intent: Intent): Barred | undefined {
  const is = intent.is === "settled" ? intent.state : intent.is;
  return is === "canceled" || is === "suppressed" || is === "erased" ? is : undefined;
}

/** Where nobody can read the words, whatever is wrong with them, it will be so every time. */
function rowOf(
  { environment, userId, deliveryId, notificationId, eventType, category }: Delivery,
  { title, body, html }: Content,
  nowMs: number,
): NewRow | Unworded {
  try {
    const text = body === "" ? plainText(html) : body;
    return { environment, userId, deliveryId, notificationId, eventType, category, title, body: text, createdAtMs: nowMs };
  } catch {
    return { unsendable: "undecodable", detail: "content cannot be read as text" };
  }
}

function pushed(row: NewRow, { epoch, seq, createdAtMs }: Placed): Uint8Array {
  const { deliveryId, notificationId, eventType, category, title, body } = row;
  const message = { seq: BigInt(seq), deliveryId, notificationId, eventType, category, title, body, createdAtMs: BigInt(createdAtMs) };
  return encode(PushedSchema, { message, cursor: formatCursor({ epoch, seq }) });
}

const statuses = {
  sent: DeliveryStatus.SENT,
  expired: DeliveryStatus.EXPIRED,
  canceled: DeliveryStatus.CANCELED,
  suppressed: DeliveryStatus.SKIPPED,
  erased: DeliveryStatus.SKIPPED,
  dead: DeliveryStatus.DEAD,
} as const;

function event(
  { record, value }: Received<Delivery>,
  is: keyof typeof statuses,
  { reason, atMs, attempt = 0, ...said }: { reason: Reason; atMs: number; attempt?: number; provider?: string; detail?: string },
): Output {
  const { deliveryId, notificationId, environment, userId, cycle, wait, target, acceptedAtMs } = value;
  const init: MessageInitShape<typeof DeliveryEventSchema> = {
    eventId: uuidv5(deliveryEventName(deliveryId, { cycle, attempt, wait, target }, is)),
    ...{ moment: Moment.DELIVERY, status: statuses[is], reason, attempt, ...said, atMs: BigInt(atMs) },
    ...{ deliveryId, notificationId, environment, userId, channel: Channel.WEB, cycle, wait, target, acceptedAtMs },
  };
  return { topic: topics.deliveryEvents, key: record.key, value: encode(DeliveryEventSchema, init) };
}
