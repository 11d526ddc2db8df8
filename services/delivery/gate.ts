/**
 * The way into an integration: who has a permit and a token is in. Both are given together, in the order of the lanes, so that nobody holds
 * the one while waiting for the other.
 *
 * Without a rate there are permits only, and nothing is asked of anybody. With one, tokens are fetched for who could go in; when they do not
 * come, the next fetch is when the bucket says that there are some. Who would have to wait for longer than BOOKED_AFTER_MS is given a time
 * to come again instead; so is who would wait for more than a second where too many wait already, since they hold up those of others.
 *
 * Sends that may happen at most once are at most half of those who are in: what keeps their intents may be away, and they would stay in until
 * it is back. The others go past them.
 */
import type { Clock } from "#platform/clock.ts";
import { BOOKED_AFTER_MS, type Lane, lanes } from "#platform/limits/bucket.ts";
import { eachLane, LaneQueue, type Queued } from "./lanes.ts";
import type { Tokens } from "./tokens.ts";

export interface GateNeeds {
  /** Who may be in at the same time. */
  readonly permits: number;
  /** Undefined: there is no limit. */
  readonly tokens: Tokens | undefined;
  /** Who may wait for tokens at the same time, where that takes more than a second. */
  readonly room: number;
  readonly clock: Clock;
}

export interface Asking extends Queued {
  readonly signal: AbortSignal;
  /** Is turned away after that. */
  readonly mostMs?: number;
}

/**
 * - in: until `leave`, of which a second time does nothing. Unused: nothing was sent, so the token is another's.
 * - booked: come again after so long.
 * - away: the integration is not to be waited for.
 */
export type Entered =
  | { readonly is: "in"; leave(unused?: "unused"): void }
  | { readonly is: "booked"; readonly waitMs: number }
  | { readonly is: "away" };

export interface Gate {
  /** Rejects with the signal's reason when it aborts before, and as the bucket does when it cannot be asked. */
  enter(asking: Asking): Promise<Entered>;
  /** Whoever waits and is meant; undefined: all. */
  turnAway(isMeant?: (waiting: Queued) => boolean): void;
}

interface Waiter extends Queued {
  readonly sinceMs: number;
  end(entered: Entered): void;
  fail(error: unknown): void;
}

/** Between two fetches that bring too little: what comes meanwhile comes together. */
const SHORTEST_MS = 20;
const LONGEST_MS = 1_000;
/** Who waits for no longer may wait among however many. */
const SHORT_WAIT_MS = 1_000;

export function gateOf({ permits, tokens, room, clock }: GateNeeds): Gate {
  const queue = new LaneQueue<Waiter>();
  const mostOnce = Math.max(1, Math.floor(permits / 2));
  let free = permits;
  let onceIn = 0;
  let isFetching = false;
  /** Until then the bucket has none for the lane. */
  const noneUntilMs = eachLane(() => 0);
  /** The lanes that the last fetch could have brought something for. */
  let contending = eachLane(() => false);
  let pausing: AbortController | undefined;

  const isOpen = (lane: Lane) => !tokens || tokens.has(lane);
  const mayFetch = (lane: Lane) => noneUntilMs[lane] <= clock.nowMs();
  const isHeldBack = ({ atMostOnce = false }: Queued) => atMostOnce && onceIn >= mostOnce;
  /** Who could go in; undefined: anybody. */
  const passing = () => (onceIn >= mostOnce ? (waiter: Queued) => !isHeldBack(waiter) : undefined);

  function admit(): void {
    while (free > 0 && queue.size > 0) {
      const waiter = queue.next(isOpen, (lane) => contending[lane], passing());
      if (!waiter) break;
      waiter.end(taken(waiter));
    }
    if (tokens && free > 0 && queue.has(passing()) && !isFetching) void fetchFrom(tokens);
  }

  function taken({ lane, atMostOnce = false }: Queued): Entered {
    let isIn = true;
    tokens?.use(lane);
    free--;
    if (atMostOnce) onceIn++;
    return {
      is: "in",
      leave(unused) {
        if (!isIn) return;
        isIn = false;
        free++;
        if (atMostOnce) onceIn--;
        if (unused) tokens?.giveBack();
        admit();
      },
    };
  }

  async function fetchFrom(from: Tokens): Promise<void> {
    isFetching = true;
    /** Only as many as are likely to come, so that they come in the order of the lanes. */
    let likely = free;
    try {
      while (free > 0 && queue.has(passing())) {
        contending = eachLane(mayFetch);
        const wanted = queue.peek(Math.min(free, likely), mayFetch, passing());
        const asked = wanted.high + wanted.medium + wanted.low;
        if (asked > 0) {
          const { came, nextMs } = await from.fetch(wanted);
          for (const lane of lanes) noneUntilMs[lane] = clock.nowMs() + nextMs[lane];
          likely = came < asked ? Math.max(1, came) : 2 * likely;
          admit();
        }
        bookWhoWaitsLong(from);
        if (free > 0 && queue.has(passing())) await pause();
      }
    } catch (error) {
      for (const waiter of [...queue]) if (queue.remove(waiter)) waiter.fail(error);
    }
    from.settle();
    isFetching = false;
  }

  /** Until there may be one for somebody who waits. */
  async function pause(): Promise<void> {
    const waiting = queue.peek(queue.size, () => true, passing());
    const soonestMs = Math.min(...lanes.filter((lane) => waiting[lane] > 0).map((lane) => noneUntilMs[lane]));
    const ms = soonestMs - clock.nowMs();
    if (ms <= 0) return;
    pausing = new AbortController();
    await clock.sleep(Math.min(Math.max(ms, SHORTEST_MS), LONGEST_MS), pausing.signal);
    pausing = undefined;
  }

  function bookWhoWaitsLong(from: Tokens): void {
    const nowMs = clock.nowMs();
    for (const [place, waiter] of [...queue].entries()) {
      const isLong = nowMs - waiter.sinceMs >= BOOKED_AFTER_MS || isTooLong(from, place);
      if (isLong && !mayFetch(waiter.lane) && queue.remove(waiter)) book(from, waiter);
    }
  }

  function book(from: Tokens, { lane, end, fail }: Waiter): void {
    from.book(lane).then((waitMs) => end({ is: "booked", waitMs }), fail);
  }

  /** For one before whom so many wait here, and as many in every other process. */
  function isTooLong({ rate, holders }: Tokens, before: number): boolean {
    const waitMs = ((before * holders) / rate.perSecond) * 1_000;
    return waitMs > BOOKED_AFTER_MS || (waitMs > SHORT_WAIT_MS && before >= room);
  }

  function waiting({ lane, again, atMostOnce = false, signal, mostMs }: Asking, resolve: Waiter["end"], reject: Waiter["fail"]): Waiter {
    const ended = mostMs === undefined ? undefined : new AbortController();
    const gone = () => {
      if (queue.remove(waiter)) waiter.fail(signal.reason);
    };
    const over = () => {
      signal.removeEventListener("abort", gone);
      ended?.abort("over");
    };
    const waiter: Waiter = {
      ...{ lane, again, atMostOnce, sinceMs: clock.nowMs() },
      end(entered) {
        over();
        resolve(entered);
      },
      fail(error) {
        over();
        reject(error);
      },
    };
    signal.addEventListener("abort", gone, { once: true });
    if (mostMs !== undefined)
      void clock.sleep(mostMs, ended?.signal).then(() => {
        if (queue.remove(waiter)) waiter.end({ is: "away" });
      });
    return waiter;
  }

  return {
    enter(asking) {
      const { lane, signal } = asking;
      if (signal.aborted) return Promise.reject(signal.reason);
      if (free > 0 && queue.size === 0 && isOpen(lane) && !isHeldBack(asking)) return Promise.resolve(taken(asking));
      return new Promise((resolve, reject) => {
        const waiter = waiting(asking, resolve, reject);
        if (tokens && !mayFetch(lane) && isTooLong(tokens, queue.ahead(asking))) return book(tokens, waiter);
        queue.add(waiter);
        admit();
        // The fetch under way may be asleep for the sake of others.
        if (mayFetch(lane)) pausing?.abort("more");
      });
    },
    turnAway(isMeant = () => true) {
      for (const waiter of [...queue]) if (isMeant(waiter) && queue.remove(waiter)) waiter.end({ is: "away" });
    },
  };
}
