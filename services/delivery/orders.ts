/**
 * The task that tells the breakers again what operators ordered. Where it could not be told when it was given, it holds from then on, and not
 * only when the breakers are next found to be lost. Orders are numbered: what was told before changes nothing.
 */
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import type { Task } from "#platform/host.ts";
import type { Breakers } from "#platform/limits/breaker.ts";
import { type Orders, orderAgain } from "#platform/limits/orders.ts";

export interface TellingNeeds {
  readonly breakers: Pick<Breakers, "order">;
  readonly orders: Pick<Orders, "standing">;
  readonly clock: Clock;
  readonly logger: Logger;
}

const TELL_EVERY_MS = 60_000;

export const tellingOrders = ({ breakers, orders, clock, logger }: TellingNeeds): Task => ({
  name: "tell-orders",
  async run(signal) {
    while (!signal.aborted) {
      await orderAgain(breakers, orders).catch((error) => logger.warn({ err: error }, "orders of integrations wait to be told"));
      await clock.sleep(TELL_EVERY_MS, signal);
    }
  },
});
