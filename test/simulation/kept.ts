/** What was kept at the end of a simulated run: of those who were erased nothing, of everybody else what the log tells, and it is counted. */
import { fromBinary } from "@bufbuild/protobuf";
import type { DeliveryEvent } from "#gen/carillon/event/v1/event_pb.ts";
import { DeliveryEventSchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import type { InboxStore } from "../../services/inbox/store.ts";
import type { KnownPerson, PreferenceStore } from "../../services/preferences/store.ts";
import { decodeRequested } from "../../services/tracker/history.ts";
import { recountOf } from "../../services/tracker/stats.fixture.ts";
import type { HistoryStore } from "../../services/tracker/store.ts";
import type { Bars, Erased } from "./bars.ts";
import { ENVIRONMENT, type Load } from "./load.ts";
import type { Report } from "./report.ts";

interface Stores {
  readonly inbox: InboxStore;
  readonly history: HistoryStore;
  readonly people: PreferenceStore;
}

interface Evidence extends Stores {
  readonly load: Load;
  readonly bars: Bars;
  /** By notification. */
  readonly events: ReadonlyMap<string, readonly DeliveryEvent[]>;
}

const FOREVER = { environment: ENVIRONMENT, fromDay: 0, toDay: 1_000_000 };

export async function kept({ load, bars, inbox, history, people, events }: Evidence, report: Report): Promise<void> {
  const ids = load.asked.map(({ notificationId }) => notificationId);
  const found = await history.eventsOf(ENVIRONMENT, ids);
  for (const erased of bars.erased) {
    const before = new Set(load.asked.filter(({ atMs }) => atMs <= erased.atMs).map(({ notificationId }) => notificationId));
    const told = found.flat().map((bytes) => fromBinary(DeliveryEventSchema, bytes));
    const rows = await inbox.after(ENVIRONMENT, erased.userId, 0, Number.POSITIVE_INFINITY);
    const left = [
      ...told
        .filter((event) => before.has(event.notificationId) && isOf(erased, event))
        .map(({ eventId, notificationId, moment, reason }) => `event ${eventId} of ${notificationId} (moment ${moment}, ${reason})`),
      ...rows.filter(({ notificationId }) => before.has(notificationId)).map(({ deliveryId }) => `row ${deliveryId}`),
      ...(isNewAgain(load, erased) ? [] : (await people.find(ENVIRONMENT, [erased.userId])).flatMap(said)),
    ];
    if (left.length > 0) report("I8: nothing is left of who was erased", `${erased.userId}: ${left.join(", ")}`);
  }
  for (const [place, { notificationId, atMs, userIds }] of load.asked.entries()) {
    if (userIds.some((userId) => bars.isErased(userId, atMs))) continue;
    const inLog = new Set(events.get(notificationId)?.map(({ eventId }) => eventId));
    const inHistory = found[place]?.map((bytes) => fromBinary(DeliveryEventSchema, bytes).eventId) ?? [];
    if (inHistory.length !== inLog.size || !inHistory.every((id) => inLog.has(id)))
      report("I5: the history is what the log tells", `${notificationId}: ${inHistory.length} of ${inLog.size} events`);
  }
  if (bars.erased.length > 0) return;
  const [stats, recounted] = [await history.stats(FOREVER), recountOf(found.flat())].map((counts) => JSON.stringify(counts));
  if (stats !== recounted) report("I5: the stats are a recount of the history", `${stats}, and counted anew ${recounted}`);
}

/** What is known of a person. That there is one is known of whoever is asked about, also by a dispatcher that had begun to before. */
const said = (known: KnownPerson | undefined): string[] => {
  if (!known) return [];
  const { email, name, locale, timeZone } = known.person;
  return [email, name, locale, timeZone, ...known.choices.map(({ category }) => category)].filter((text) => text !== "");
};

const isOf = ({ userId }: Erased, event: DeliveryEvent): boolean =>
  event.moment === Moment.REQUESTED
    ? decodeRequested(event.requested).recipients.some((recipient) => recipient.userId === userId)
    : event.userId === userId;

/** They were heard of again since. */
const isNewAgain = ({ asked, changes }: Load, { userId, atMs }: Erased): boolean =>
  asked.some((each) => each.atMs > atMs && each.userIds.includes(userId)) ||
  changes.some((each) => each.atMs >= atMs && each.person.userId === userId);
