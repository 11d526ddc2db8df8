/**
 * Forgets what is older than the retention, in small steps with room for other work between them, for as long as the log is open.
 *
 * It begins late, so that groups that come back after a long time have joined, and have begun to read what they missed. What a group has
 * not read by then it never will: that is said, with counts.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import type { Group } from "./group.ts";
import type { Forgotten, Storage } from "./storage.ts";

const BEGIN_AFTER_MS = 600_000;
const PAUSE_MS = 60_000;

export interface RetentionNeeds {
  readonly storage: Storage;
  /** Those that somebody has joined or asked about, by name. */
  readonly groups: ReadonlyMap<string, Group>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "warn"> | undefined;
  readonly retentionMs: number;
}

export async function keepForgetting({ storage, groups, clock, logger, retentionMs }: RetentionNeeds, signal: AbortSignal): Promise<void> {
  const pauseMs = Math.min(PAUSE_MS, Math.max(1, retentionMs / 10));
  await clock.sleep(BEGIN_AFTER_MS, signal);
  while (!signal.aborted) {
    const unread = new Unread(groups);
    try {
      for (let more = true; more && !signal.aborted; await turn()) {
        unread.look();
        const forgotten = await storage.forget(clock.nowMs() - retentionMs);
        unread.count(forgotten);
        more = forgotten.more;
      }
    } catch {
      // A full disk, say: whoever appends hears of it, and forgetting is tried again after the pause.
    }
    for (const [group, topics] of unread.counts)
      logger?.warn({ group, topics: Object.fromEntries(topics) }, "records forgotten that the group had not read");
    await clock.sleep(pauseMs, signal);
  }
}

/** Counts what is forgotten without having been read, per group and topic. */
class Unread {
  readonly counts = new Map<string, Map<string, number>>();
  readonly #groups: ReadonlyMap<string, Group>;
  #nexts: { readonly group: string; readonly place: string; readonly topic: string; readonly next: number }[] = [];

  constructor(groups: ReadonlyMap<string, Group>) {
    this.#groups = groups;
  }

  /** Before each step: once records are gone, their readers go on behind them. */
  look(): void {
    this.#nexts = [];
    for (const [group, each] of this.#groups)
      for (const { place, next } of each.nexts())
        this.#nexts.push({ group, place: `${place.topic.name}/${place.partition}`, topic: place.topic.name, next });
  }

  count({ stretches }: Forgotten): void {
    if (stretches.length === 0) return;
    const gone = new Map(stretches.map((stretch) => [`${stretch.topic}/${stretch.partition}`, stretch]));
    for (const { group, place, topic, next } of this.#nexts) {
      const stretch = gone.get(place);
      const records = stretch ? stretch.to - Math.max(stretch.from, next) : 0;
      if (records <= 0) continue;
      const topics = this.counts.get(group) ?? new Map<string, number>();
      this.counts.set(group, topics.set(topic, (topics.get(topic) ?? 0) + records));
    }
  }
}
