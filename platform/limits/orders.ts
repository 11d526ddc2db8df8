/**
 * What operators ordered of integrations, with who did and why, as a port: kept where nothing is lost before a breaker is told, since a
 * breaker may forget. Their suite is orders.suite.ts.
 *
 * Of each kind the last order of an integration is kept for ever; beside it, the newest ORDERS_KEPT.
 */
import type { Breakers, Standing } from "./breaker.ts";

export interface Order {
  readonly is: Standing["is"];
  /** Of whoever gave it. */
  readonly by: string;
  readonly why: string;
  readonly atMs: number;
}

export interface OfIntegration {
  readonly integration: string;
  readonly standing: readonly Standing[];
}

export interface Orders {
  /** Durable when it answers what holds of the integration from then on. */
  keep(integration: string, order: Order): Promise<readonly Standing[]>;
  /** What holds of each integration that was ever ordered anything. */
  standing(): Promise<readonly OfIntegration[]>;
  /** Newest first. */
  newest(integration: string): Promise<readonly Order[]>;
}

export const ORDERS_KEPT = 50;

/** Tells breakers that may have been lost. Any number of times. */
export async function orderAgain(breakers: Pick<Breakers, "order">, orders: Pick<Orders, "standing">): Promise<void> {
  for (const { integration, standing } of await orders.standing()) await breakers.order(integration, standing);
}
