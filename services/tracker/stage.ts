/**
 * The tracker's stage: delivery events in, history out, and those who watch are woken. One store call a batch; a repeat changes nothing.
 *
 * What it keeps must be readable for as long as it is kept, so an event is looked into before it is stored.
 */
import * as topics from "#domain/topics.ts";
import { type DeliveryEvent, Moment, NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Fanout } from "#platform/fanout/fanout.ts";
import { erasedAmong } from "#platform/ledger/erasures.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { decode } from "#platform/protobuf/codec.ts";
import type { Received, Stage } from "#platform/stage/stage.ts";
import { countedIn } from "./counted.ts";
import { forgetIn } from "./erase.ts";
import type { HistoryStore, RecordedEvent } from "./store.ts";
import { wakeWatchers } from "./watch.ts";

export const trackerStage = (store: HistoryStore, fanout: Fanout, ledger: Pick<Ledger, "erasedAt">): Stage<DeliveryEvent> => ({
  name: "tracker",
  reads: [topics.deliveryEvents],
  writes: [],
  deadLetters: topics.deadEvents,
  window: 5_000,
  batchSize: 1_000,
  async handle(batch) {
    const kept: Received<DeliveryEvent>[] = [];
    const recorded: RecordedEvent[] = [];
    for (const received of batch.records) {
      const { environment, notificationId, eventId, atMs } = received.value;
      const asked = askedOf(received.value);
      if (environment === "" || notificationId === "" || eventId === "")
        batch.bury(received, "invalid", "needs environment, notification_id and event_id");
      else if (asked === "undecodable") batch.bury(received, "undecodable", "requested: is not a NotificationRequested");
      else {
        kept.push(received);
        const counted = countedIn(received.value);
        recorded.push({
          ...{ environment, notificationId, eventId, atMs: sane(atMs), event: received.record.value, counted },
          ...(asked && { asked }),
        });
      }
    }
    await store.record(recorded);
    // Behind the writing: who is erased before it is found here, who is erased after it by the erasure.
    await forgetIn(store, ledger, [
      ...(await erasedAmong(
        ledger,
        recorded.flatMap((each, place) => concerning(each, kept[place]?.value)),
      )),
    ]);
    wakeWatchers(fanout, recorded);
    for (const received of kept) batch.done(received);
  },
});

/** Whom an event tells of, and since when. */
function concerning({ environment, notificationId, atMs, asked }: RecordedEvent, event: DeliveryEvent | undefined) {
  const userIds = asked ? asked.userIds : [event?.userId ?? ""];
  const acceptedAtMs = asked?.acceptedAtMs ?? (Number(event?.acceptedAtMs) || atMs);
  return userIds.map((userId) => ({ environment, notificationId, userId, acceptedAtMs }));
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
