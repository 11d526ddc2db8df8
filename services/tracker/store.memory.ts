/**
 * The history in memory, for tests and the simulation: as long as it is kept itself, it outlives those who use it. Nothing in it ends by
 * itself, and nothing is swept.
 */
import { dayOf } from "./days.ts";
import type { DayCount, HistoryStore, RecordedEvent } from "./store.ts";

interface Notification {
  readonly environment: string;
  readonly notificationId: string;
  readonly events: Map<string, Uint8Array>;
  asked: Omit<NonNullable<RecordedEvent["asked"]>, "sendAtMs"> | undefined;
}

export function memoryHistoryStore(): HistoryStore {
  const notifications = new Map<string, Notification>();
  const counts = new Map<string, DayCount & { readonly environment: string }>();
  /** Also those of events that were redacted: what was counted stays. */
  const counted = new Set<string>();
  const keyOf = (environment: string, notificationId: string) => JSON.stringify([environment, notificationId]);

  const count = ({ environment, notificationId, eventId, atMs, counted: all = [] }: RecordedEvent): void => {
    const id = JSON.stringify([environment, notificationId, eventId]);
    if (counted.has(id)) return;
    counted.add(id);
    for (const { channel, status } of all) {
      const of = { environment, day: dayOf(atMs), channel, status };
      const key = JSON.stringify(Object.values(of));
      counts.set(key, { ...of, count: (counts.get(key)?.count ?? 0) + 1 });
    }
  };

  return {
    async record(events) {
      for (const recorded of events) {
        const { environment, notificationId, eventId, event, asked } = recorded;
        const key = keyOf(environment, notificationId);
        const known = notifications.get(key) ?? { environment, notificationId, events: new Map(), asked: undefined };
        notifications.set(key, known);
        if (!known.events.has(eventId)) known.events.set(eventId, event.slice());
        known.asked ??= asked;
        count(recorded);
      }
    },
    eventsOf: async (environment, ids) => ids.map((id) => [...(notifications.get(keyOf(environment, id))?.events.values() ?? [])]),
    async redact(redactions) {
      for (const { environment, notificationId, others, isEmpty, gone, rewritten } of redactions) {
        const known = notifications.get(keyOf(environment, notificationId));
        if (!known) continue;
        for (const eventId of gone) known.events.delete(eventId);
        for (const { eventId, event } of rewritten) if (known.events.has(eventId)) known.events.set(eventId, event);
        known.asked = isEmpty ? undefined : known.asked && { ...known.asked, userIds: others };
      }
    },
    async list({ environment, userId, fromMs, after, limit }) {
      return [...notifications.values()]
        .flatMap((each) => (each.environment === environment && each.asked ? [{ ...each.asked, notificationId: each.notificationId }] : []))
        .filter(({ userIds }) => userId === undefined || userIds.includes(userId))
        .map(({ acceptedAtMs, notificationId }) => ({ acceptedAtMs, notificationId }))
        .filter((each) => each.acceptedAtMs >= fromMs && isAfter(each, after))
        .sort((one, other) => (isAfter(one, other) ? 1 : -1))
        .slice(0, limit);
    },
    async stats({ environment, fromDay, toDay }) {
      return [...counts.values()]
        .filter((each) => each.environment === environment && each.day >= fromDay && each.day <= toDay)
        .map(({ environment: _, ...each }) => each)
        .sort((one, other) => one.day - other.day || one.channel - other.channel || one.status - other.status);
    },
  };
}

type Placed = Awaited<ReturnType<HistoryStore["list"]>>[number];

/** Lists run from the newest to the oldest. */
const isAfter = (one: Placed, other: Placed): boolean =>
  one.acceptedAtMs < other.acceptedAtMs || (one.acceptedAtMs === other.acceptedAtMs && one.notificationId < other.notificationId);
