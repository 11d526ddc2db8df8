/**
 * What comes of records that a stage left unsettled: they come again, after a pause that grows.
 *
 * A batch that failed three times is taken apart, so that the records that cannot be done no longer hold up the others. A record that
 * failed five times in a batch of its own, for reasons that are not known to pass, is given up, so that its lane goes on.
 */
import type { Clock } from "#platform/clock.ts";
import type { Group } from "./batch.ts";
import type { Entry } from "./lane.ts";
import { isTransient } from "./transient.ts";

const TOGETHER_AT_MOST = 3;
const ALONE_AT_MOST = 5;
/** After the first failure, the second, … the last one again and again. In all below the watchdog's minute: one bad record is no standstill. */
const PAUSES_MS = [250, 1_000, 4_000, 10_000];
/** What passes by itself is looked at more often, and can go on for hours. */
const TRANSIENT_PAUSES_MS = [250, 500, 1_000, 2_000, 5_000];

export class Failing<In> {
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  readonly #due: Group<In>[] = [];
  readonly #resting = new Set<Group<In>>();
  readonly #ready: () => void;

  constructor({ clock, stop, ready }: { clock: Clock; stop: AbortSignal; ready: () => void }) {
    this.#clock = clock;
    this.#stop = stop;
    this.#ready = ready;
  }

  /** Takes the entries that a failed batch left open; answers those to give up. */
  failed(group: Group<In>, open: readonly Entry<In>[], error: unknown, sinceMs: number): readonly Entry<In>[] {
    const transient = isTransient(error);
    const failures = group.failures + 1;
    for (const entry of open) entry.lane.fail(entry);
    if (open.length > 1 && failures < TOGETHER_AT_MOST) {
      this.#rest([{ entries: open, failures, sinceMs }], transient);
      return [];
    }
    const [only] = open;
    if (open.length === 1 && only && group.entries.length === 1 && !transient && ++only.failedAlone >= ALONE_AT_MOST) return [only];
    const alone = open.filter((entry) => {
      entry.suspect = true;
      if (!entry.lane.isFirst(entry)) entry.lane.hold(entry);
      return entry.lane.isFirst(entry);
    });
    this.#rest(
      alone.map((entry) => ({ entries: [entry], failures, sinceMs })),
      transient,
    );
    return [];
  }

  /** Comes again at once: nothing failed, it was only called off. */
  again(group: Group<In>): void {
    this.#due.push(group);
  }

  /** The next records whose pause is over. */
  next(): Group<In> | undefined {
    for (let group = this.#due.shift(); group; group = this.#due.shift()) {
      const entries = group.entries.filter((entry) => !entry.settled && !entry.lane.lost);
      if (entries.length > 0) return { ...group, entries };
    }
    return undefined;
  }

  /** All that wait to come again, for the watchdog. */
  *groups(): Iterable<Group<In>> {
    yield* this.#resting;
    yield* this.#due;
  }

  #rest(groups: readonly Group<In>[], transient: boolean): void {
    const [first] = groups;
    if (!first) return;
    for (const group of groups) this.#resting.add(group);
    const pauses = transient ? TRANSIENT_PAUSES_MS : PAUSES_MS;
    const pauseMs = pauses[Math.min(first.failures, pauses.length) - 1] as number;
    void this.#clock.sleep(pauseMs, this.#stop).then(() => {
      for (const group of groups) {
        this.#resting.delete(group);
        this.#due.push(group);
      }
      this.#ready();
    });
  }
}
