/** What the suites of the ledger speak about: one send, and how to ask for it. */
import type { Clock } from "#platform/clock.ts";
import type { Draft, Extension, Ledger, Settled, Try } from "./ledger.ts";

export const HOUR = 3_600_000;
/** When what is settled here came to that: no time of the ledger's. */
export const ENDED_MS = 1_234_567_890_123;
export const bytes = (text: string) => new TextEncoder().encode(text);
export const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value);

export const about = { environment: "development", notificationId: "n-1", deliveryId: "d-1", cycle: 1, target: "ann@example.test" };
export const attemptOf = (more: Partial<Try> = {}): Try => ({
  ...about,
  reaches: ["ann", "ann@"],
  acceptedAtMs: 1_000,
  attempt: 0,
  wait: 0,
  worker: "w-1",
  leaseMs: 17_000,
  ...more,
});
export const settledAs = (state: Settled["state"], more: Partial<Settled> = {}): Settled => ({
  ...{ ...about, worker: "w-1", state, atMs: ENDED_MS },
  ...more,
});
export const extensionOf = (more: Partial<Extension> = {}): Extension => ({
  ...{ ...about, reaches: ["ann", "ann@"], acceptedAtMs: 1_000, worker: "w-1", leaseMs: 17_000 },
  ...more,
});
export const draft = (decision: string, more: Partial<Draft> = {}): Draft => ({
  environment: "development",
  notificationId: "n-1",
  recipient: "ann",
  decision: bytes(decision),
  ...more,
});

export interface Opened {
  readonly ledger: Ledger;
  readonly clock: Clock & { advance(ms: number): Promise<void> };
}

/** An empty ledger each time, on a clock that stands still until it is moved on. */
export type Open = () => Promise<Opened>;

/** With the verbs for the one send. */
export const opening = (open: Open) => async () => {
  const { clock, ledger } = await open();
  const intend = async (more?: Partial<Try>) => (await ledger.intend([attemptOf(more)]))[0];
  const settle = (state: Settled["state"], more?: Partial<Settled>) => ledger.settle([settledAs(state, more)]);
  const extend = async (more?: Partial<Extension>) => (await ledger.extend([extensionOf(more)]))[0];
  return { clock, ledger, intend, extend, settle };
};
