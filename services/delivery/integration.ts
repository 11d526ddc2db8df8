/**
 * An integration: one configured account of a provider, with what bounds its sends: a rate over all workers, connections of this one, and
 * a breaker. The integrations of a channel, in order of preference, are its route.
 */
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import type { BreakerState, Breakers } from "#platform/limits/breaker.ts";
import type { Buckets, Rate } from "#platform/limits/bucket.ts";
import { type Breaker, breakerOf, noBreaker } from "./breaker.ts";
import { type Gate, gateOf } from "./gate.ts";
import { type Permits, permitsOf } from "./permits.ts";
import type { Sender } from "./sender.ts";
import { tokensOf } from "./tokens.ts";

/** Leases for each send at the same time. */
const LEASED = 2;
/**
 * Records in hand for each send at the same time, beside those with leases: enough that the next is ready, and so few that the last waits for
 * less than the watchdog's minute.
 */
const IN_HAND = 3;

export interface Integration {
  readonly sender: Sender;
  /** In are those that have a lease or ask for one. */
  readonly gate: Gate;
  /** Of those, who may be with the provider at the same time. */
  readonly turns: Permits;
  readonly breaker: Breaker;
  readonly rate: Rate | undefined;
}

/** At least one, in order of preference. */
export type Route = readonly [Integration, ...Integration[]];

export interface IntegrationNeeds {
  readonly sender: Sender;
  /** Undefined: as fast as it goes. */
  readonly rate?: Rate | undefined;
  /** Undefined: there is no provider behind it that could be out. */
  readonly guard?: Guard | undefined;
  readonly buckets: Buckets;
  /** Unique per process start. */
  readonly worker: string;
  readonly clock: Clock;
}

interface Guard {
  readonly breakers: Breakers;
  readonly logger: Logger;
  readonly changed: (integration: string, is: "opened" | "closed") => void;
  readonly known: (integration: string, state: BreakerState) => void;
}

/** Records that a worker takes in hand for it. */
export const inHand = ({ sender: { width }, rate }: Pick<Integration, "sender" | "rate">): number =>
  width * (LEASED + IN_HAND) + (rate ? roomOf(width) : 0);

/** Who waits for tokens must not keep those out who need none. */
const roomOf = (width: number): number => width * (LEASED + IN_HAND);

export function integrationOf({ sender, rate, guard, buckets, worker, clock }: IntegrationNeeds): Integration {
  const { id, width } = sender;
  const tokens = rate && tokensOf({ buckets, integration: id, rate, holder: worker, clock });
  const gate = gateOf({ permits: LEASED * width, tokens, room: roomOf(width), clock });
  const breaker = guard
    ? breakerOf({
        ...{ breakers: guard.breakers, logger: guard.logger, integration: id, holder: worker, clock },
        changed: (is) => guard.changed(id, is),
        known(state) {
          guard.known(id, state);
          if (state.phase === "open" || state.paused) gate.turnAway();
        },
      })
    : noBreaker(id);
  return { sender, gate, turns: permitsOf(width), breaker, rate };
}
