/** The stores of a simulated run, in memory: each keeps to the suite of its port. What went through them is noted from outside. */
import { memoryDeadLetterStore } from "../../services/deadletters/store.memory.ts";
import { memoryInboxStore } from "../../services/inbox/store.memory.ts";
import type { InboxStore } from "../../services/inbox/store.ts";
import { memoryCategoryStore } from "../../services/preferences/categories.memory.ts";
import { memoryPreferenceStore } from "../../services/preferences/store.memory.ts";
import { memorySuppressionStore } from "../../services/preferences/suppressions.memory.ts";
import { memorySchedule } from "../../services/scheduler/store.memory.ts";
import type { ScheduleStore, Wait } from "../../services/scheduler/store.ts";
import { memoryHistoryStore } from "../../services/tracker/store.memory.ts";
import type { brokenBy } from "./mutant.ts";
import type { Report } from "./report.ts";

interface Needs {
  readonly broken: ReturnType<typeof brokenBy>;
  readonly report: Report;
  readonly expiresAtMs: (notificationId: string) => number;
}

export const storesOf = ({ broken, report, expiresAtMs }: Needs) => ({
  ...{ people: memoryPreferenceStore(), categories: memoryCategoryStore(), suppressions: memorySuppressionStore() },
  ...{ history: broken.history(memoryHistoryStore()), letters: broken.letters(memoryDeadLetterStore()) },
  /** What ingest acknowledged, encoded, by notification. */
  accepted: new Map<string, Uint8Array>(),
  ...watchedInbox(report, expiresAtMs),
  ...watchedSchedule(),
});

function watchedInbox(report: Report, expiresAtMs: Needs["expiresAtMs"]) {
  const store = memoryInboxStore();
  /** Deliveries in the order in which they came into an inbox, and whose it is. */
  const stored = new Map<string, string>();
  /** Those of them that are not there any more. */
  const deleted = new Set<string>();
  const inbox: InboxStore = {
    ...store,
    add: async (rows) => {
      const places = await store.add(rows);
      for (const { deliveryId, notificationId, userId, createdAtMs } of rows) {
        if (!stored.has(deliveryId)) stored.set(deliveryId, userId);
        if (createdAtMs >= expiresAtMs(notificationId)) report("nothing is sent after its expiry", `${deliveryId} was stored`);
      }
      return places;
    },
    async erase(environment, userId) {
      await store.erase(environment, userId);
      for (const [deliveryId, whose] of stored) if (whose === userId) deleted.add(deliveryId);
    },
  };
  return { inbox, stored, deleted };
}

function watchedSchedule() {
  const storeOf = memorySchedule();
  /** By id. */
  const waits = new Map<string, Wait>();
  const schedule = (worker: string): ScheduleStore => {
    const store = storeOf(worker);
    return {
      ...store,
      async put(some) {
        await store.put(some);
        for (const wait of some) waits.set(wait.id, wait);
      },
      async remove(ids) {
        await store.remove(ids);
        for (const id of ids) waits.delete(id);
      },
    };
  };
  return { schedule, waits };
}
