/**
 * Circuit breakers, as a port: whether an integration is being sent to, known to all workers together. Their suite is breaker.suite.ts.
 *
 * - closed: sends go. OPENS_AFTER failures in a row, whoever met them, open it.
 * - open: nothing goes for OPEN_MS; then the first who asks may probe, which makes it half-open.
 * - half-open: one probe at a time, which is a lease. CLOSES_AFTER successes close it, one failure opens it again.
 *
 * An operator can hold it open or closed, whatever results say, until it is let go; an open one is then probed at once. And they can pause the
 * integration, which leaves the breaker as it is. Such orders are kept elsewhere first (orders.ts): a breaker may be lost, and is told them again.
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
  /** By an operator: it stays as it is. */
  readonly held: boolean;
  /** By an operator: nothing is sent, whatever the phase. */
  readonly paused: boolean;
  /** How long the phase has lasted; undefined: that is not known. */
  readonly forMs: number | undefined;
}

/** Of a breaker that nobody has told anything. */
export const untold: BreakerState = {
  ...{ phase: "closed", generation: 0, failures: 0, waitMs: 0, held: false, paused: false, forMs: undefined },
};

/** Of two kinds, of each of which the last one holds. Open and closed hold the breaker so; auto lets it go. */
export const kinds = { pause: "pause", resume: "pause", open: "hold", closed: "hold", auto: "hold" } as const;

/** An order that holds. */
export interface Standing {
  readonly is: keyof typeof kinds;
  /** Of a later order it is greater. */
  readonly number: number;
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
  /** What is later than what it was told of its kind holds for whoever asks from then on; the rest changes nothing. */
  order(integration: string, standing: readonly Standing[]): Promise<BreakerState>;
}

export const OPENS_AFTER = 5;
export const OPEN_MS = 60_000;
export const CLOSES_AFTER = 3;
