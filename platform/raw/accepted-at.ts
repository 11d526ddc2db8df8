/**
 * The header `carillon-accepted-at` of a raw topic: since when a record that does not say so itself has been accepted, in epoch
 * milliseconds. Its expiry counts from then. Whoever puts a record back that was written before sets it, as a replay of its dead letter does.
 */
import type { LogRecord } from "#platform/log/log.ts";

export const ACCEPTED_AT_HEADER = "carillon-accepted-at";

/** 0: it is not told. Undefined: what is told is no time. */
export function acceptedAtOf({ headers }: Pick<LogRecord, "headers">): bigint | undefined {
  const told = headers[ACCEPTED_AT_HEADER];
  if (told === undefined) return 0n;
  return /^\d{1,15}$/.test(told) ? BigInt(told) : undefined;
}
