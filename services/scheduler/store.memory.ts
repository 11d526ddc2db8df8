/**
 * The schedule in memory, for tests and the simulation: as long as it is kept itself, it outlives those who use it.
 *
 * Shared by any number of schedulers as the one in MySQL is: what one of them is answered as due is its own for half a minute.
 */
import { fitting } from "./store.rows.ts";
import type { ScheduleStore, Wait } from "./store.ts";

const HELD_MS = 30_000;

interface Held {
  readonly wait: Wait;
  readonly place: number;
  holder: string;
  untilMs: number;
}

/** What there is for a scheduler by its name, which is unique per process start. */
export function memorySchedule(): (worker: string) => ScheduleStore {
  const kept = new Map<string, Held>();
  let places = 0;
  return (worker) => ({
    async put(waits) {
      for (const wait of waits)
        if (!kept.has(wait.id)) kept.set(wait.id, { wait, place: places++, holder: "", untilMs: Number.NEGATIVE_INFINITY });
    },
    async due(nowMs, limit) {
      const due = [...kept.values()]
        .filter(({ wait, holder, untilMs }) => wait.dueAtMs <= nowMs && (untilMs <= nowMs || holder === worker))
        .sort((one, other) => one.wait.dueAtMs - other.wait.dueAtMs || one.place - other.place)
        .slice(0, limit);
      const page = due.slice(0, fitting(due.map(({ wait }) => wait.value.byteLength)));
      for (const held of page) Object.assign(held, { holder: worker, untilMs: nowMs + HELD_MS });
      return page.map(({ wait }) => wait);
    },
    async nextDueMs() {
      return kept.size === 0 ? undefined : Math.min(...[...kept.values()].map(({ wait }) => wait.dueAtMs));
    },
    async remove(ids) {
      for (const id of ids) kept.delete(id);
    },
  });
}
