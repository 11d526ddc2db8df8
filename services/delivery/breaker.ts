/**
 * An integration's breaker as one process knows it: answers from memory, and is never further behind the others than READ_EVERY_MS.
 *
 * Of a provider that serves, nothing is told: only failures, the success that ends a row of them, and what came of probes. While the
 * breakers cannot be reached what is known of them stays; they are in the ledger's Redis, without which nothing is sent anyway.
 */
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import type { Task } from "#platform/host.ts";
import { type BreakerState, type Breakers, type Result, type Told, untold } from "#platform/limits/breaker.ts";
import { LEASE_MS } from "./patience.ts";

export interface Breaker {
  readonly integration: string;
  /** By an operator. */
  isPaused(): boolean;
  /** Whether a send may be meant for it. While it is being probed this is true for one, and again a second later. */
  mayTry(): boolean;
  /** Just before a send: the generation to tell its result under. Undefined: not now. Waits for nothing but to be granted a probe. */
  admit(): number | undefined | Promise<number | undefined>;
  /** Never waits, never fails. */
  met(is: Result["is"], generation: number): void;
  /** What all know. */
  learn(state: BreakerState): void;
}

/** Of what nobody has to be protected from, since it has no provider behind it. */
export const noBreaker = (integration: string): Breaker => ({
  ...{ integration, isPaused: () => false, mayTry: () => true, admit: () => 0 },
  ...{ met: () => undefined, learn: () => undefined },
});

export interface BreakerNeeds {
  readonly breakers: Pick<Breakers, "probe" | "report">;
  readonly integration: string;
  /** Unique per process start. */
  readonly holder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when this process' result has opened or closed it for all. */
  readonly changed: (is: "opened" | "closed") => void;
  /** Called with whatever is known now, by whoever's doing. */
  readonly known: (state: BreakerState) => void;
}

/** A probe that came to nothing (it was settled already, or canceled) has kept the next from trying for so long. */
const OFFERED_MS = 1_000;
const READ_EVERY_MS = 1_000;

export function breakerOf({ breakers, integration, holder, clock, logger, changed, known }: BreakerNeeds): Breaker {
  let state = untold;
  let waitUntilMs = 0;
  let offeredUntilMs = 0;
  let probing: Promise<number | undefined> | undefined;
  let isTellingSuccess = false;
  known(state);

  function learn(told: BreakerState): void {
    if (told.generation !== state.generation || told.phase !== state.phase) offeredUntilMs = 0;
    state = told;
    waitUntilMs = clock.nowMs() + told.waitMs;
    known(told);
  }

  function tell(is: Result["is"], generation: number): Promise<void> {
    return breakers.report({ integration, generation, holder, is }).then(
      ({ changed: change, ...told }: Told) => {
        learn(told);
        // The next probe may go at once.
        if (is === "success") offeredUntilMs = 0;
        if (change) changed(change);
      },
      (error) => logger.warn({ err: error, integration }, "a result could not be told to the breaker"),
    );
  }

  async function probe(): Promise<number | undefined> {
    try {
      const { granted, ...told } = await breakers.probe({ integration, holder, leaseMs: LEASE_MS });
      learn(told);
      return granted || told.phase === "closed" ? told.generation : undefined;
    } catch (error) {
      logger.warn({ err: error, integration }, "the breaker could not be asked for a probe");
      return undefined;
    } finally {
      probing = undefined;
    }
  }

  /** By an operator: not even a probe goes. */
  const isBarred = () => state.paused || (state.held && state.phase === "open");

  return {
    integration,
    learn,
    isPaused: () => state.paused,
    mayTry() {
      if (isBarred()) return false;
      if (state.phase === "closed") return true;
      const nowMs = clock.nowMs();
      if (nowMs < waitUntilMs || nowMs < offeredUntilMs) return false;
      offeredUntilMs = nowMs + OFFERED_MS;
      return true;
    },
    admit() {
      if (isBarred()) return undefined;
      if (state.phase === "closed") return state.generation;
      if (clock.nowMs() < waitUntilMs || probing) return undefined;
      probing = probe();
      return probing;
    },
    met(is, generation) {
      if (is === "failure") return void tell(is, generation);
      if (state.phase === "closed" && (state.failures === 0 || isTellingSuccess)) return;
      isTellingSuccess = true;
      void tell(is, generation).then(() => {
        isTellingSuccess = false;
      });
    },
  };
}

/** Learns what is known of the breakers before anything is sent: one may be paused. Waits for as long as nobody can say. */
export async function learnFirst(breakers: Pick<Breakers, "read">, all: readonly Breaker[], clock: Clock): Promise<void> {
  const names = all.map(({ integration }) => integration);
  for (;;) {
    const states = await breakers.read(names).catch(() => undefined);
    for (const [place, state] of (states ?? []).entries()) all[place]?.learn(state);
    if (states) return;
    await clock.sleep(READ_EVERY_MS);
  }
}

/** Learns what other processes made of the breakers. */
export const watching = (breakers: Pick<Breakers, "read">, all: readonly Breaker[], clock: Clock): Task => ({
  name: "watch-breakers",
  async run(signal) {
    const names = all.map(({ integration }) => integration);
    while (!signal.aborted) {
      const states = await breakers.read(names).catch(() => []);
      for (const [place, state] of states.entries()) all[place]?.learn(state);
      await clock.sleep(READ_EVERY_MS, signal);
    }
  },
});
