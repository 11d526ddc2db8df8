/**
 * Token buckets, as a port: how many sends an integration takes, over all workers together. Their suite is bucket.suite.ts.
 *
 * - A bucket is filled at its rate up to its burst, and is full when nobody has asked for long. One token is one send.
 * - What a holder takes for sends that wait is spent at once. What it takes ahead is leased for LEASE_MS: until then it counts against the
 *   burst as if it still lay in the bucket, so that nothing that is saved up, here and there, is ever more than the burst. Then it is gone.
 * - High takes before medium before low, and low leaves a fifth of the burst to the others. Tokens ahead are taken from what low may take.
 * - `book` gives those who would wait for long a place in a queue of their lane that moves at the rate: when to come again.
 *
 * Time is the bucket's own (the server's), and what is told are spans. Rejects as UNAVAILABLE while nobody can say.
 */
export type Lane = "high" | "medium" | "low";
export const lanes: readonly Lane[] = ["high", "medium", "low"];

/** Something for each lane. */
export type ByLane<T> = Readonly<Record<Lane, T>>;

export interface Rate {
  readonly perSecond: number;
  /** Tokens that can be saved up, at most: at least one, and what a tenth of a second brings. */
  readonly burst: number;
}

export interface Ask {
  readonly integration: string;
  readonly rate: Rate;
  /** Unique per process start. */
  readonly holder: string;
  /** Of what was leased ahead: unused, and given back now. */
  readonly back: number;
  /** Of what was leased ahead: unused, and kept. */
  readonly kept: number;
  /** For sends that wait. */
  readonly wanted: ByLane<number>;
  /** For sends to come. */
  readonly ahead: number;
}

export interface Grant {
  readonly granted: ByLane<number>;
  /** Leased, for sends of any lane. */
  readonly ahead: number;
  /** For each lane, how long until there is another token for it; 0: there is one. */
  readonly nextMs: ByLane<number>;
  /** Who has asked within the last seconds, this one included. */
  readonly holders: number;
}

export interface Booking {
  readonly integration: string;
  readonly rate: Rate;
  readonly lane: Lane;
  readonly count: number;
}

export interface Buckets {
  take(ask: Ask): Promise<Grant>;
  /** How long the first has to wait, at least BOOKED_AFTER_MS; the next come one after the other, as the rate lets them. */
  book(booking: Booking): Promise<number>;
  /** Tokens that lie in the bucket, beside those that are leased. Whoever asks takes no part. */
  level(integration: string, rate: Rate): Promise<number>;
}

/** What is taken ahead is good for so long, and no longer, counted from before it was asked for. */
export const LEASE_MS = 1_000;
/** Who would wait longer than this books. */
export const BOOKED_AFTER_MS = 10_000;
/** Who has not asked for so long takes no part any more. */
export const HOLDER_MS = 5_000;
/** The part of the burst that low leaves to the others. */
const LEFT_BY_LOW = 0.2;

/** Tokens that low leaves; it can always have one of a full bucket. */
export const leftByLow = ({ burst }: Rate): number => Math.min(LEFT_BY_LOW * burst, burst - 1);
