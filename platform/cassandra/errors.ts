/**
 * What goes wrong with Cassandra, told apart: hosts that cannot answer now, which is STORE_UNAVAILABLE to whoever asked; what waiting does
 * not mend, which ends the start with a sentence; and a mistake of ours, which stays as it is.
 */
import { errors, types } from "cassandra-driver";
import { Problem } from "#domain/errors.ts";
import { certificateFault } from "#platform/engines/certificate.ts";
import { EngineRefusal } from "#platform/engines/refusal.ts";

/** Waiting does not help: wrong credentials, another data center, too old a server. The message is for whoever runs the program. */
export class CassandraRefusal extends EngineRefusal {
  constructor(message: string, more: { readonly cause?: unknown } = {}) {
    super(message, more);
    this.name = "CassandraRefusal";
  }
}

const RETRY_AFTER_MS = 1_000;

const { responseErrorCodes: codes } = types;
const NOT_NOW: ReadonlySet<number> = new Set([
  ...[codes.serverError, codes.unavailableException, codes.overloaded, codes.isBootstrapping, codes.truncateError],
  ...[codes.writeTimeout, codes.readTimeout, codes.readFailure, codes.writeFailure, codes.badCredentials, codes.unauthorized],
]);

/** Errors of each host that was tried; of one that never got so far, the error itself. */
const causesOf = (error: unknown): readonly unknown[] =>
  error instanceof errors.NoHostAvailableError ? Object.values(error.innerErrors).filter((each) => each !== null) : [error];

function isUnavailable(error: unknown): boolean {
  if (error instanceof errors.ResponseError) return NOT_NOW.has(error.code);
  const { isSocketError, code } = error as { isSocketError?: boolean; code?: unknown };
  return (
    error instanceof errors.NoHostAvailableError ||
    error instanceof errors.OperationTimedOutError ||
    error instanceof errors.BusyConnectionError ||
    isSocketError === true ||
    typeof code === "string"
  );
}

/** As callers see it. What was asked may have been done: the answer may be what was lost. */
export function cassandraProblem(error: unknown): Error {
  if (error instanceof Problem || error instanceof CassandraRefusal) return error;
  if (isUnavailable(error)) return unavailable(new Error(saidOf(error)));
  // The driver's own complaints quote what was bound.
  return error instanceof errors.ResponseError ? error : new Error(`The Cassandra driver could not send it (${(error as Error).name}).`);
}

export const unavailable = (cause: Error): Problem => new Problem("STORE_UNAVAILABLE", { cause, retryAfterMs: RETRY_AFTER_MS });

/** In a few words, without statements and what was bound to them. */
export const saidOf = (error: unknown): string => {
  const words = causesOf(error).map((cause) => {
    const { code, message } = cause as { code?: unknown; message?: string };
    if (cause instanceof errors.ResponseError) return `${nameOf(cause.code)}`;
    if (cause instanceof errors.OperationTimedOutError) return "no answer in time";
    return typeof code === "string" ? code : (message ?? String(cause));
  });
  return words.length === 0 ? (error as Error).message : [...new Set(words)].join(", ");
};

const nameOf = (code: number): string => Object.entries(codes).find(([, each]) => each === code)?.[0] ?? `error ${code}`;

/** The sentence for what waiting does not mend; undefined: it may. */
export function refusalOf(error: unknown, { at, username, localDataCenter }: RefusedAs): CassandraRefusal | undefined {
  for (const cause of causesOf(error)) {
    const { message = "" } = cause as { message?: string };
    const says = (text: string) => new CassandraRefusal(`Cassandra at ${at} ${text}`, { cause: new Error(message) });
    if (cause instanceof errors.AuthenticationError) {
      if (username === undefined) return says("asks for a user and a password. Configure them.");
      return says(`does not let the user "${username}" in. Check the user and the password.`);
    }
    const found = /only found hosts in data centers: \[(.*)\]/.exec(message)?.[1];
    if (found !== undefined)
      return says(`has no data center "${localDataCenter}"; it has ${found}. Configure one of those as the local data center.`);
    const untrusted = certificateFault(message);
    if (untrusted !== undefined) return says(untrusted);
    if (/protocol version/i.test(message) && cause instanceof errors.ResponseError) return says(`is too old a server (${message}).`);
  }
  return undefined;
}

export interface RefusedAs {
  readonly at: string;
  readonly username: string | undefined;
  readonly localDataCenter: string;
}
