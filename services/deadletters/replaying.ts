/**
 * The task that carries out the replays of what filters find: a stretch of dead letters at a time, oldest first, each written down with what
 * it settled before the next begins. A replay is held by a lease, so that one whose process died goes on in another within 40 s.
 *
 * The rate counts dead letters looked at. What cannot be reached for now is waited for, and said in the replay.
 */
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import type { Task } from "#platform/host.ts";
import { OLDEST } from "#platform/page.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import type { LetterMetrics } from "./metrics.ts";
import type { PutBack } from "./put-back.ts";
import { HELD_MS, type Progress, type Replay, type Stretch, settledAs, unattended } from "./replays.ts";
import type { DeadLetterStore, Filter, Found, Letter } from "./store.ts";

export interface ReplayingNeeds {
  readonly store: DeadLetterStore;
  readonly putBack: (environment: string, letters: readonly Letter[], signal: AbortSignal) => Promise<PutBack>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Unique per process start. */
  readonly worker: string;
  readonly metrics: LetterMetrics;
}

/** What a stretch came to. */
interface Done {
  /** Undefined: it is somebody else's. */
  readonly next: Replay | undefined;
  /** Dead letters looked at. */
  readonly looked: number;
}

export interface Replaying {
  readonly task: Task;
  /** There is a new one: who sleeps wakes up. */
  wake(): void;
}

const LOOK_EVERY_MS = 10_000;
/** At the same time, in one process. */
const AT_ONCE = 10;
const MOST_IN_A_STRETCH = 100;
/** Of the originals of a stretch. */
const STRETCH_BYTES = 8 * 1024 * 1024;
const COUNTED_AT_ONCE = 1_000;
const AGAIN_MS = 1_000;
const AGAIN_MOST_MS = 15_000;

export function replaying({ store, putBack, clock, logger, worker, metrics }: ReplayingNeeds): Replaying {
  let awake = new AbortController();
  let taken = 0;
  metrics.unattended(async () => unattended(await store.openReplays(), clock.nowMs()).length);

  async function carryOut(replay: Replay, holder: string, signal: AbortSignal): Promise<void> {
    let againMs = AGAIN_MS;
    let isTroubled = false;
    const troubled = (is: boolean) => {
      if (is !== isTroubled) metrics.troubled(is ? 1 : -1);
      isTroubled = is;
    };
    let so: Replay | undefined = replay;
    while (so?.state === "running") {
      const now: Replay = so;
      if (signal.aborted) {
        await advance(now, holder, { heldUntilMs: 0 });
        break;
      }
      const startedMs = clock.nowMs();
      try {
        const { next, looked } = now.progress.startedAtMs === 0 ? await begun(now, holder) : await gone(now, holder, signal);
        const restMs = (looked / now.asked.ratePerSecond) * 1_000 - (clock.nowMs() - startedMs);
        so = next;
        againMs = AGAIN_MS;
        troubled(false);
        if (so?.state === "running" && restMs > 0) await clock.sleep(restMs, signal);
      } catch (error) {
        if (signal.aborted) continue;
        logger.warn({ err: error, replayId: now.id }, "a replay of dead letters stands still");
        troubled(true);
        so = await advance(now, holder, { progress: { ...now.progress, trouble: problemFrom(error).reason } }).catch(() => now);
        await clock.sleep(againMs, signal);
        againMs = Math.min(againMs * 2, AGAIN_MOST_MS);
      }
    }
    troubled(false);
  }

  /** Counts what there is, for whoever looks how far it is. */
  async function begun(replay: Replay, holder: string): Promise<Done> {
    const { environment, progress } = replay;
    let matched = 0;
    for (let place = OLDEST, isMore = true; isMore; ) {
      const page: readonly Found[] = await store.oldest(environment, filterOf(replay), place, COUNTED_AT_ONCE);
      matched += page.length;
      place = page.at(-1) ?? place;
      isMore = page.length === COUNTED_AT_ONCE;
      if (isMore && !(await advance(replay, holder, {}))) return { next: undefined, looked: 0 };
    }
    return { next: await advance(replay, holder, { progress: { ...progress, startedAtMs: clock.nowMs(), matched } }), looked: 0 };
  }

  async function gone(replay: Replay, holder: string, signal: AbortSignal): Promise<Done> {
    const { environment, asked, progress } = replay;
    // While it slept it may have been canceled, or have become somebody else's.
    const own = await advance(replay, holder, {});
    if (own?.state !== "running") return { next: own, looked: 0 };
    const limit = Math.min(MOST_IN_A_STRETCH, asked.ratePerSecond);
    const found = fitting(await store.oldest(environment, filterOf(replay), progress.place, limit));
    const last = found.at(-1);
    if (!last) return { next: await advance(replay, holder, { state: "done", progress: { ...progress, trouble: "" } }), looked: 0 };
    const place = { atMs: last.atMs, id: last.id };
    const { settles, refused } = await worked(replay, found, signal);
    // Who is not there any more has been forgotten, or settled, since.
    const goneNow = found.length - settles.length - refused.size;
    const counts = { ...progress.refused };
    for (const reason of refused.values()) counts[reason] = (counts[reason] ?? 0) + 1;
    const next = await advance(replay, holder, {
      settles,
      progress: { ...progress, place, refused: counts, gone: progress.gone + goneNow, trouble: "" },
    });
    metrics.settled(settledAs[asked.action], settles.length);
    metrics.settled("refused", refused.size);
    return { next, looked: found.length };
  }

  async function worked({ environment, asked }: Replay, found: readonly Found[], signal: AbortSignal) {
    const ids = found.map(({ id }) => id);
    if (asked.action === "discard") return { settles: ids, refused: new Map<string, string>() };
    const kept = (await store.find(environment, ids)).filter((letter) => letter?.state === "kept") as Letter[];
    const { going, refused } = await putBack(environment, kept, signal);
    return { settles: going, refused };
  }

  function advance(replay: Replay, holder: string, stretch: Partial<Stretch>): Promise<Replay | undefined> {
    const nowMs = clock.nowMs();
    const { progress }: { progress: Progress } = replay;
    return store.advanceReplay(replay, holder, {
      ...{ progress, settles: [], state: "running", nowMs, heldUntilMs: nowMs + HELD_MS },
      ...stretch,
    });
  }

  return {
    wake: () => awake.abort(),
    task: {
      name: "replay-dead-letters",
      async run(signal) {
        const running = new Set<Promise<void>>();
        signal.addEventListener("abort", () => awake.abort(), { once: true });
        while (!signal.aborted) {
          awake = new AbortController();
          while (running.size < AT_ONCE) {
            const holder = `${worker}/${++taken}`;
            const nowMs = clock.nowMs();
            const replay = await store.takeReplay(holder, nowMs, nowMs + HELD_MS).catch((error) => {
              logger.warn({ err: error }, "replays of dead letters cannot be looked up");
            });
            if (!replay) break;
            logger.info({ replayId: replay.id }, "replay of dead letters taken up");
            const run = carryOut(replay, holder, signal)
              .catch((error) => logger.error({ err: error, replayId: replay.id }, "a replay of dead letters is left to the next"))
              .finally(() => {
                running.delete(run);
                // Another may have waited for it.
                awake.abort();
              });
            running.add(run);
          }
          if (!signal.aborted) await clock.sleep(LOOK_EVERY_MS, awake.signal);
        }
        await Promise.all(running);
      },
    },
  };
}

/** What dies while it runs is not its own: what dies again would be replayed for ever. */
const filterOf = ({ asked: { filter }, createdAtMs }: Replay): Filter => ({ ...filter, toMs: Math.min(filter.toMs, createdAtMs + 1) });

/** As many as may be in memory; one at least. */
function fitting(found: readonly Found[]): readonly Found[] {
  let bytes = 0;
  const most = found.findIndex((each, at) => {
    bytes += each.bytes;
    return at > 0 && bytes > STRETCH_BYTES;
  });
  return most < 0 ? found : found.slice(0, most);
}
