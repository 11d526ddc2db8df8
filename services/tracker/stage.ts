/**
 * The tracker's stage: delivery events in, history out, and those who watch are woken. One store call a batch; a repeat changes nothing.
 *
 * What it keeps must be readable for as long as it is kept, so an event is looked into before it is stored. Of people who were erased it
 * writes nothing: asked before, since a process whose records are somebody else's by now may write without ever coming to ask again, and
 * behind the writing, since an erasure may have come in between.
 */
import { toBinary } from "@bufbuild/protobuf";
import * as topics from "#domain/topics.ts";
import { type DeliveryEvent, DeliveryEventSchema, Moment, NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Fanout } from "#platform/fanout/fanout.ts";
import { erasedAmong } from "#platform/ledger/erasures.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { decode } from "#platform/protobuf/codec.ts";
import type { Received, Stage } from "#platform/stage/stage.ts";
import { countedIn } from "./counted.ts";
import { forgetIn, without } from "./erase.ts";
import type { HistoryStore, RecordedEvent } from "./store.ts";
import { wakeWatchers } from "./watch.ts";

/** The events of a notification come close after each other: what is gathered is written together. */
const GATHER_MS = 100;

export const trackerStage = (store: HistoryStore, fanout: Fanout, ledger: Pick<Ledger, "erasedAt">): Stage<DeliveryEvent> => ({
  name: "tracker",
  reads: [topics.deliveryEvents],
  writes: [],
  deadLetters: topics.deadEvents,
  window: 5_000,
  batchSize: 1_000,
  gatherMs: GATHER_MS,
  async handle(batch) {
    const readable: Readable[] = [];
    for (const received of batch.records) {
      const { environment, notificationId, eventId } = received.value;
      const asked = askedOf(received.value);
      if (environment === "" || notificationId === "" || eventId === "")
        batch.bury(received, "invalid", "needs environment, notification_id and event_id");
      else if (asked === "undecodable") batch.bury(received, "undecodable", "requested: is not a NotificationRequested");
      else readable.push({ received, event: received.value, bytes: received.record.value, asked });
    }
    const before = [...(await erasedAmong(ledger, readable.flatMap(concerning)))];
    const gone = Map.groupBy(before, ({ event }) => event);
    const told = readable.flatMap((each) => stripped(each, gone.get(each.event)));
    const recorded = told.map(recordedOf);
    await store.record(recorded);
    // Who is erased before it is found here, who is erased after it by the erasure: but for what no request had told it of yet.
    await forgetIn(store, ledger, [...before, ...(await erasedAmong(ledger, told.flatMap(concerning)))]);
    wakeWatchers(fanout, recorded);
    for (const { received } of readable) batch.done(received);
  },
});

interface Readable {
  readonly received: Received<DeliveryEvent>;
  /** What may be kept of it. */
  readonly event: DeliveryEvent;
  /** The same, encoded. */
  readonly bytes: Uint8Array;
  readonly asked: RecordedEvent["asked"];
}

/** Without those who were erased; none where nothing else is told. */
function stripped(readable: Readable, erased: readonly { readonly userId: string }[] = []): Readable[] {
  if (erased.length === 0) return [readable];
  const gone = new Set(erased.map(({ userId }) => userId));
  const event = without(readable.event, gone);
  if (!event) return [];
  const asked = readable.asked && { ...readable.asked, userIds: readable.asked.userIds.filter((userId) => !gone.has(userId)) };
  return [{ ...readable, event, bytes: toBinary(DeliveryEventSchema, event), asked }];
}

function recordedOf({ event, bytes, asked }: Readable): RecordedEvent {
  const { environment, notificationId, eventId, atMs } = event;
  return {
    ...{ environment, notificationId, eventId, atMs: sane(atMs), event: bytes, counted: countedIn(event) },
    ...(asked && { asked }),
  };
}

/** Whom an event tells of, and since when. */
function concerning({ event, asked }: Readable) {
  const { environment, notificationId } = event;
  const userIds = asked ? asked.userIds : [event.userId];
  const acceptedAtMs = asked ? asked.acceptedAtMs : Number(event.acceptedAtMs) || sane(event.atMs);
  return userIds.map((userId) => ({ environment, notificationId, userId, acceptedAtMs, event }));
}

function askedOf({ moment, requested, atMs }: DeliveryEvent): RecordedEvent["asked"] | "undecodable" {
  if (moment !== Moment.REQUESTED) return undefined;
  try {
    const { acceptedAtMs, sendAtMs, recipients } = decode(NotificationRequestedSchema, requested);
    const userIds = new Set(recipients.map(({ userId }) => userId).filter((userId) => userId !== ""));
    return { acceptedAtMs: sane(acceptedAtMs || atMs), sendAtMs: sane(sendAtMs), userIds: [...userIds] };
  } catch {
    return "undecodable";
  }
}

/** Other programs may write any time; one that no store can hold must not keep its neighbours from being listed. */
const sane = (ms: bigint): number => Math.min(Math.max(Number(ms), 0), Number.MAX_SAFE_INTEGER - 1);
