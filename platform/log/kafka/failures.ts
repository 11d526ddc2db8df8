/** Failures of Kafka as callers see them: what may pass is UNAVAILABLE; what never passes by itself is said in one sentence. */
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import { certificateFault } from "#platform/engines/certificate.ts";

const RETRY_AFTER_MS = 1_000;
const DEPTH = 6;

export const unavailable = (cause: unknown): Problem => new Problem("LOG_UNAVAILABLE", { retryAfterMs: RETRY_AFTER_MS, cause });

/** What is for one partition or topic does not get on; what is for others does. */
export class AtFault extends Error {}

function* causes(error: unknown): Iterable<{ readonly name?: string; readonly type?: string; readonly message?: string }> {
  let each = error;
  for (let depth = 0; each instanceof Error && depth < DEPTH; depth++) {
    yield each as { name?: string; type?: string };
    each = each.cause;
  }
}

const typesOf = (error: unknown): string[] => [...causes(error)].flatMap(({ type }) => type ?? []);

/** The broker will not take these records, however often they are sent. */
const REFUSALS: ReadonlySet<string> = new Set([
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_RECORD",
  "INVALID_TIMESTAMP",
  "CORRUPT_MESSAGE",
  "POLICY_VIOLATION",
  "UNSUPPORTED_FOR_MESSAGE_FORMAT",
]);
export const isRefusal = (error: unknown): boolean => typesOf(error).some((type) => REFUSALS.has(type));

/** What waiting at the start will not mend, as a sentence. */
export function hopeless(error: unknown, brokers: readonly string[]): string | undefined {
  const at = brokers.join(", ");
  for (const { name, type, message = "" } of causes(error)) {
    const untrusted = certificateFault(message);
    if (untrusted !== undefined) return `Kafka at ${at} ${untrusted}`;
    if (name === "KafkaJSSASLAuthenticationError" || type === "SASL_AUTHENTICATION_FAILED")
      return `Kafka at ${at} refuses the credentials; check the mechanism, user name and password.`;
    if (type === "UNSUPPORTED_SASL_MECHANISM") return `Kafka at ${at} does not offer this SASL mechanism; use one that its listener has.`;
    if (type === "CLUSTER_AUTHORIZATION_FAILED" || type === "TOPIC_AUTHORIZATION_FAILED")
      return `Kafka at ${at} does not let this user create or describe the topics: ${message}`;
    if (name === "KafkaJSServerDoesNotSupportApiKey" || type === "UNSUPPORTED_VERSION")
      return `Kafka at ${at} is too old or too new for this client; it is tested with Kafka 4.1.`;
  }
  return undefined;
}

/** The work's outcome, or UNAVAILABLE when it takes longer. The work itself goes on, since requests cannot be called back. */
export async function within<T>(ms: number, clock: Clock, what: string, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = clock.sleep(ms, over.signal).then(() => {
    if (!over.signal.aborted) throw unavailable(new Error(`Kafka has not answered for ${ms} ms: ${what}`));
    return undefined as never;
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort("over");
    work.catch(() => {});
  }
}

/** Waits for work whose outcome is of no interest, and not for ever. */
export async function atMost(ms: number, clock: Clock, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  await Promise.race([work.catch(() => {}), clock.sleep(ms, over.signal)]);
  over.abort("over");
}
