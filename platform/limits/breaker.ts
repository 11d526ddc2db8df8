/**
 * Circuit breakers, as a port: whether an integration is being sent to, known to all workers together. Their suite is breaker.suite.ts.
 *
 * - closed: sends go. OPENS_AFTER failures in a row, whoever met them, open it.
 * - open: nothing goes for OPEN_MS; then the first who asks may probe, which makes it half-open.
 * - half-open: one probe at a time, which is a lease. CLOSES_AFTER successes close it, one failure opens it again.
 *
 * Every change of phase begins a generation. A result names the one that its send began under, and one of an earlier generation is ignored:
 * what began before says nothing about after. Whoever made a change is told so, and nobody else.
 *
 * Time is the store's own (the server's), and what is told are spans. Rejects as UNAVAILABLE while nobody can say.
 */
export type Phase = "closed" | "open" | "half-open";

export interface BreakerState {
  readonly phase: Phase;
  readonly generation: number;
  /** In a row, while it is closed. */
  readonly failures: number;
  /** How long nobody may probe: until it has been open for long enough, or until the lease of the probe under way ends. */
  readonly waitMs: number;
}

export interface Result {
  readonly integration: string;
  readonly generation: number;
  readonly holder: string;
  /** Failed: the integration served nobody. A refusal of one message is a success here. */
  readonly is: "success" | "failure";
}

export interface Told extends BreakerState {
  /** What this result did. Opened: it had been closed before. */
  readonly changed?: "opened" | "closed";
}

export interface Probe {
  readonly integration: string;
  /** Unique per process start. */
  readonly holder: string;
  readonly leaseMs: number;
}

export interface Breakers {
  /** One answer for each, in order. */
  read(integrations: readonly string[]): Promise<readonly BreakerState[]>;
  /** Whether the holder may probe, under the generation that is told. */
  probe(probe: Probe): Promise<BreakerState & { readonly granted: boolean }>;
  report(result: Result): Promise<Told>;
}

export const OPENS_AFTER = 5;
export const OPEN_MS = 60_000;
export const CLOSES_AFTER = 3;
