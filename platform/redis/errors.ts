/**
 * What goes wrong with Redis, told apart: a server that cannot answer now, which is UNAVAILABLE to whoever asked; one that is the wrong
 * one, which ends the start with a sentence; and a mistake of ours, which stays as it is.
 */
import { ReplyError } from "ioredis";
import { Problem } from "#domain/errors.ts";
import { EngineRefusal } from "#platform/engines/refusal.ts";

/** Waiting does not help: wrong credentials, too old a server, one that would lose what it must keep. The message is for the operator. */
export class RedisRefusal extends EngineRefusal {
  constructor(message: string, more: { readonly cause?: unknown } = {}) {
    super(message, more);
    this.name = "RedisRefusal";
  }
}

const RETRY_AFTER_MS = 1_000;

/**
 * Answers of a server that is there and cannot do it now: full, loading, read-only after a failover, a disk that does not take its log,
 * a script in its way. Within a script the word may stand after "-".
 */
const NOT_NOW =
  /(^|-)(OOM|MISCONF|LOADING|READONLY|BUSY|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM|UNKILLABLE|MOVED|ASK)\b/;
const REFUSED = /^(NOAUTH|WRONGPASS|NOPERM)\b|invalid (password|username-password)/;

const isReply = (error: unknown): error is Error => error instanceof ReplyError;

export const isNoScript = (error: unknown): boolean => isReply(error) && error.message.startsWith("NOSCRIPT");

/** Wrong credentials: the server said so. */
export const isRefused = (error: unknown): boolean => isReply(error) && REFUSED.test(error.message);

/** As callers see it. What was asked may have been done: the answer may be what was lost. */
export function redisProblem(error: unknown): Error {
  if (error instanceof Problem) return error;
  const plain = withoutArguments(error as Error);
  if (isReply(error) && !NOT_NOW.test(error.message)) return plain;
  return new Problem("STORE_UNAVAILABLE", { cause: plain, retryAfterMs: RETRY_AFTER_MS });
}

/** ioredis hangs the command with its arguments on an error: a person's data, or a password. Nobody sees more than the sentence. */
function withoutArguments({ name, message, code }: Error & { code?: string }): Error {
  return Object.assign(new Error(message), { name, ...(code !== undefined && { code }) });
}
