/** What travels with every call beside its message: who calls, and the call's own id. */
import { Code, ConnectError, type ContextValues, createContextKey } from "@connectrpc/connect";
import { Problem } from "#domain/errors.ts";
import type { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Span } from "#platform/telemetry/trace.ts";
import { uuidv7 } from "#platform/uuid.ts";

export interface Principal {
  /** Everything is done within it: development, staging, production of one product. */
  readonly environment: string;
  /** One module of this service calling another. */
  readonly internal: boolean;
  /** What their key allows. */
  readonly scopes: readonly Scope[];
  /** The prefix of that key, which names it; absent where there are none, and of a module. */
  readonly key?: string;
}

/** Says who a request's credential names; throws Problem UNAUTHENTICATED. `address` is the caller's, for what is counted by address. */
export type Authenticate = (headers: Headers, address: string) => Principal | Promise<Principal>;

/** Where a call came in: http is Connect and gRPC-Web. */
export type Door = "http" | "grpc" | "memory";

export interface Call {
  readonly requestId: string;
  readonly door: Door;
  /** Where the caller is; empty in memory. */
  readonly address: string;
  /** Set once it was logged and counted, so that a call refused before the interceptors is not overlooked, nor one counted twice. */
  observed: boolean;
}

/** The call's part of a trace. */
export interface CallTrace {
  /** For what the call causes: the span's where there is one, else the caller's own, valid. */
  readonly traceparent: string | undefined;
  readonly span: Span | undefined;
}

export const principalKey = createContextKey<Principal | undefined>(undefined, { description: "principal" });
export const callKey = createContextKey<Call | undefined>(undefined, { description: "call" });
export const traceKey = createContextKey<CallTrace>({ traceparent: undefined, span: undefined }, { description: "trace" });

export const traceOf = (context: { readonly values: ContextValues }): CallTrace => context.values.get(traceKey);

/** Who calls. A handler always has a principal: the interceptors see to it. */
export function principalOf(context: { readonly values: ContextValues }): Principal {
  const principal = context.values.get(principalKey);
  if (!principal) throw new Problem("UNAUTHENTICATED");
  return principal;
}

/** Why the signal of an answered call aborts. One for all: without it every call would make a DOMException with a stack (13% of its time). */
export const ANSWERED = new ConnectError("the call has been answered", Code.Canceled);

/** A caller's own id is taken over when it is a token: it goes into headers and logs. */
export function requestIdOf({ headers }: { readonly headers: Headers }, clock: Clock): string {
  const given = headers.get("x-request-id");
  return given !== null && /^[A-Za-z0-9._:-]{1,128}$/.test(given) ? given : uuidv7(clock.nowMs());
}
