/**
 * How long a delivery waits before it is tried again. All in milliseconds; jitter is a hash, so that a replay waits as long as the first time.
 *
 * Two kinds of waits: after a refusal of this very message, which counts as an attempt, by the retry plan; and because of others (a provider
 * that is out, a lease), which burns no attempt. The plan's delays are the tiers of domain/topics.
 */
import { fraction } from "#domain/jitter.ts";
import { tiers } from "#domain/topics.ts";

const delays = tiers.map(({ delayMs }) => delayMs);
const LONGEST_MS = Math.max(...delays);

const OUTAGE_FIRST_MS = 5_000;
const OUTAGE_MOST_MS = 60_000;
/** The part of an outage's wait that jitter may take away, so that what waits together does not come back together. */
const JITTER = 0.25;

/** After the `attempt`-th refusal, counted from 1: 5 s, 1 m, 10 m, then 1 h each; undefined when `maxRetryCount` retries are used up. */
export function retryAfter(attempt: number, maxRetryCount: number): number | undefined {
  return attempt > maxRetryCount ? undefined : (delays[attempt - 1] ?? LONGEST_MS);
}

/** The wait of a delivery whose provider is out, by the waits it has had: 5 s, 10 s, 20 s … 60 s, less up to a quarter. */
export function outageWait({ deliveryId, attempt, wait }: { deliveryId: string; attempt: number; wait: number }): number {
  const fullMs = Math.min(OUTAGE_FIRST_MS * 2 ** Math.min(wait, 10), OUTAGE_MOST_MS);
  return Math.round(fullMs * (1 - JITTER * fraction(`${deliveryId}/${attempt}/${wait}`)));
}

/** The shortest of the plan's delays that is not shorter: a provider's Retry-After goes through a tier. Over an hour it stays as it is. */
export const roundUpToTier = (ms: number): number => delays.find((delayMs) => delayMs >= ms) ?? ms;
