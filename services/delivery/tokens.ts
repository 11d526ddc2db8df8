/**
 * The tokens of one integration that this process has: fetched from its bucket for who waits, and where much is sent, some ahead.
 *
 * What was fetched ahead is used within a second or given back, and never used later: by then the bucket has forgotten it.
 */
import type { Clock } from "#platform/clock.ts";
import { type Buckets, type ByLane, type Lane, LEASE_MS, lanes, type Rate } from "#platform/limits/bucket.ts";
import { gather } from "./gather.ts";
import { eachLane } from "./lanes.ts";

export interface TokensNeeds {
  readonly buckets: Pick<Buckets, "take" | "book">;
  readonly integration: string;
  readonly rate: Rate;
  /** Unique per process start. */
  readonly holder: string;
  readonly clock: Clock;
}

export interface Tokens {
  readonly rate: Rate;
  /** Who fetches from the same bucket now. */
  readonly holders: number;
  has(lane: Lane): boolean;
  /** Of those that it has. */
  use(lane: Lane): void;
  /** One that was not needed after all. */
  giveBack(): void;
  /** Fetches for so many that wait; answers how many came, and for each lane how long until there may be more. */
  fetch(wanted: ByLane<number>): Promise<{ readonly came: number; readonly nextMs: ByLane<number> }>;
  /** Nobody waits any more: what was fetched for somebody goes back. */
  settle(): void;
  /** How long to stay away. */
  book(lane: Lane): Promise<number>;
}

/** The part of what the rate brings in a second, and of the burst, that is fetched ahead at most: others want some too. */
const AHEAD = 0.1;
const GIVE_BACK_AFTER_MS = LEASE_MS / 2;

const none = eachLane(() => 0);

export function tokensOf({ buckets, integration, rate, holder, clock }: TokensNeeds): Tokens {
  const mostAhead = Math.floor(AHEAD * Math.min(rate.perSecond, rate.burst));
  const here = eachLane(() => 0);
  let ahead = 0;
  let aheadUntilMs = 0;
  let back = 0;
  let holders = 1;
  /** Since the last fetch. */
  let used = 0;
  let fetchedMs = clock.nowMs();
  let wasShort = false;
  let returning = false;
  /** Calls under way. Giving back waits for them: what they bring would be given back unseen. */
  let asking = 0;

  const kept = () => (clock.nowMs() < aheadUntilMs ? ahead : 0);

  async function ask(wanted: ByLane<number>, wish: number) {
    const sinceMs = clock.nowMs();
    const returned = back;
    back = 0;
    ahead = kept();
    asking++;
    const call = buckets.take({ integration, rate, holder, back: returned, kept: ahead, wanted, ahead: wish });
    const grant = await call.finally(() => asking--);
    aheadUntilMs = sinceMs + LEASE_MS;
    ahead += grant.ahead;
    holders = grant.holders;
    return grant;
  }

  /** What half a second would use at the pace of late, unless there is not enough for who waits already. */
  function wished(): number {
    const nowMs = clock.nowMs();
    const pace = used / Math.max(1, nowMs - fetchedMs);
    fetchedMs = nowMs;
    used = 0;
    return wasShort ? 0 : Math.min(Math.floor(pace * GIVE_BACK_AFTER_MS), mostAhead);
  }

  /** What is left over of what was fetched ahead goes back when it is half a lease old. */
  async function returnUnused(): Promise<void> {
    if (returning) return;
    returning = true;
    while (kept() + back > 0) {
      await clock.sleep(GIVE_BACK_AFTER_MS);
      if (asking > 0 || clock.nowMs() - fetchedMs < GIVE_BACK_AFTER_MS) continue;
      back += kept();
      ahead = 0;
      // Who cannot be told forgets them by itself.
      await ask(none, 0).catch(() => undefined);
    }
    returning = false;
  }

  const booked = gather(async (asked: readonly Lane[]) => {
    const firstMs = eachLane(() => 0);
    for (const lane of lanes) {
      const count = asked.filter((each) => each === lane).length;
      if (count > 0) firstMs[lane] = await buckets.book({ integration, rate, lane, count });
    }
    const places = eachLane(() => 0);
    return asked.map((lane) => Math.ceil(firstMs[lane] + (places[lane]++ / rate.perSecond) * 1_000));
  });

  return {
    rate,
    get holders() {
      return holders;
    },
    has: (lane) => here[lane] > 0 || kept() > 0,
    use(lane) {
      used++;
      if (here[lane] > 0) here[lane]--;
      else ahead--;
    },
    giveBack() {
      back++;
      void returnUnused();
    },
    async fetch(wanted) {
      const { granted, nextMs } = await ask(wanted, wished());
      let came = 0;
      let asked = 0;
      for (const lane of lanes) {
        here[lane] += granted[lane];
        came += granted[lane];
        asked += wanted[lane];
      }
      wasShort = came < asked;
      if (ahead > 0) void returnUnused();
      return { came, nextMs };
    },
    settle() {
      for (const lane of lanes) {
        back += here[lane];
        here[lane] = 0;
      }
      if (back > 0) void returnUnused();
    },
    book: booked,
  };
}
