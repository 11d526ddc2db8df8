/**
 * Deletes people from the history. Of a notification that was for nobody else nothing is left; from another one goes what is told of the
 * person, and they are no longer among those whom it was for.
 *
 * Of two who are erased from one notification at the same time, each may be written anew into what is left of the other. So behind the
 * writing it is asked who of those left was erased meanwhile: the ledger knows of an erasure before it deletes anything.
 */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type DeliveryEvent,
  DeliveryEventSchema,
  Moment,
  type NotificationRequested,
  NotificationRequestedSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { erasedAmong } from "#platform/ledger/erasures.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { decodeRequested } from "./history.ts";
import type { HistoryStore, Redaction } from "./store.ts";

type Erasures = Pick<Ledger, "erasedAt">;

const AT_ONCE = 50;

/** Of those that were accepted at that time or before; answers whether there are more. */
export async function eraseFrom(
  store: HistoryStore,
  ledger: Erasures,
  { environment, userId, acceptedByMs }: { environment: string; userId: string; acceptedByMs: number },
): Promise<boolean> {
  const after = { acceptedAtMs: acceptedByMs + 1, notificationId: "" };
  const places = await store.list({ environment, userId, fromMs: 0, after, limit: AT_ONCE });
  await forgetIn(
    store,
    ledger,
    places.map(({ notificationId }) => ({ environment, userId, notificationId })),
  );
  return places.length === AT_ONCE;
}

interface Forgetting {
  readonly environment: string;
  readonly notificationId: string;
  readonly userId: string;
}

/** One after the other: two may be of one notification. */
export async function forgetIn(store: HistoryStore, ledger: Erasures, all: readonly Forgetting[]): Promise<void> {
  for (const each of all) {
    const [events = []] = await store.eventsOf(each.environment, [each.notificationId]);
    const redaction = redactionOf(each, events);
    await store.redact([redaction]);
    const { acceptedAtMs, others, rewritten } = redaction;
    if (acceptedAtMs === undefined || rewritten.length === 0) continue;
    const left = others.map((userId) => ({ ...each, userId, acceptedAtMs }));
    await forgetIn(store, ledger, [...(await erasedAmong(ledger, left))]);
  }
}

/** Pure. */
function redactionOf({ environment, notificationId, userId }: Forgetting, events: readonly Uint8Array[]): Redaction {
  const all = events.map((bytes) => fromBinary(DeliveryEventSchema, bytes));
  const asking = all.find(({ moment }) => moment === Moment.REQUESTED);
  const requested = asking && decodeRequested(asking.requested);
  const recipients = requested?.recipients.filter((each) => each.userId !== userId) ?? [];
  const isOf = (event: (typeof all)[number]) => event.userId === userId;
  const isEmpty = requested ? recipients.length === 0 : all.every(isOf);
  const gone = all.filter((event) => isEmpty || isOf(event)).map(({ eventId }) => eventId);
  const about = {
    ...{ environment, notificationId, userId, isEmpty, gone },
    others: [...new Set(recipients.map((each) => each.userId).filter((other) => other !== ""))],
    acceptedAtMs: requested && Number(requested.acceptedAtMs || asking.atMs),
  };
  const rest = requested && !isEmpty && without(asking, new Set([userId]));
  return { ...about, rewritten: rest ? [{ eventId: asking.eventId, event: toBinary(DeliveryEventSchema, rest) }] : [] };
}

/** What may be kept of an event that is not to tell of these people; undefined: nothing. Pure. */
export function without(event: DeliveryEvent, userIds: ReadonlySet<string>): DeliveryEvent | undefined {
  if (event.moment !== Moment.REQUESTED) return userIds.has(event.userId) ? undefined : event;
  const requested = requestWithout(decodeRequested(event.requested), userIds);
  return requested && { ...event, requested: toBinary(NotificationRequestedSchema, requested) };
}

function requestWithout(requested: NotificationRequested, userIds: ReadonlySet<string>): NotificationRequested | undefined {
  const recipients = requested.recipients.filter((each) => !userIds.has(each.userId));
  if (recipients.length === 0) return undefined;
  const actor = userIds.has(requested.actor) ? "" : requested.actor;
  return { ...requested, actor, recipients };
}

/** What may be told of a request that somebody else keeps; undefined: nothing, since everybody whom it was for was erased after it. */
export async function tellable(requested: NotificationRequested, ledger: Erasures): Promise<NotificationRequested | undefined> {
  const { environment, recipients, acceptedAtMs } = requested;
  const erased = await erasedAmong(
    ledger,
    recipients.map(({ userId }) => ({ environment, userId, acceptedAtMs })),
  );
  return erased.size === 0 ? requested : requestWithout(requested, new Set([...erased].map(({ userId }) => userId)));
}
