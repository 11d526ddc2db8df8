/**
 * Whether an error says "not now" rather than "not this": then repeating helps, and the record must never be given up for it.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { errors, Problem } from "#domain/errors.ts";

const codes: ReadonlySet<Code> = new Set([
  ...[Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted, Code.Aborted],
  // Said of the caller, and never of the record: a secret that is being changed, clocks that disagree, a peer of another version.
  ...[Code.Unauthenticated, Code.PermissionDenied, Code.Unimplemented],
]);
const systemCodes: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EMFILE",
  "ENOSPC",
]);
/** SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL: primary result codes, the low byte of node:sqlite's `errcode`. */
const sqliteCodes: ReadonlySet<number> = new Set([5, 6, 10, 13]);
const DEPTH = 5;

export function isTransient(error: unknown, depth = DEPTH): boolean {
  if (!(error instanceof Error) || depth === 0) return false;
  if (error instanceof Problem && errors[error.reason].code === "UNAVAILABLE") return true;
  if (error instanceof ConnectError && codes.has(error.code)) return true;
  const { transient, code, errcode } = error as { transient?: unknown; code?: unknown; errcode?: unknown };
  if (transient === true || systemCodes.has(code)) return true;
  if (typeof errcode === "number" && sqliteCodes.has(errcode & 0xff)) return true;
  return isTransient(error.cause, depth - 1);
}
