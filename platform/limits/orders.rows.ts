/** The rows of orders, as both engines answer them. */
import type { Row } from "#platform/sql/row.ts";
import type { Standing } from "./breaker.ts";
import type { OfIntegration, Order } from "./orders.ts";

export const orderOf = (row: Row): Order => ({
  ...{ is: String(row.action) as Order["is"], by: String(row.given_by), why: String(row.why), atMs: Number(row.at_ms) },
});

export const standingOf = (row: Row): Standing => ({ is: String(row.action) as Standing["is"], number: Number(row.number) });

export function byIntegration(rows: readonly Row[]): readonly OfIntegration[] {
  const found = Map.groupBy(rows, ({ integration }) => String(integration));
  return [...found].map(([integration, its]) => ({ integration, standing: its.map(standingOf) }));
}
