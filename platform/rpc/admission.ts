/**
 * Who may call what: the credential names a principal, whose scopes have to hold the one that the contract declares for the method, or
 * that the route declares for itself.
 */
import { type DescMethod, getOption } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import { Problem } from "#domain/errors.ts";
import { Scope, scope as scopeOption } from "#gen/carillon/access/v1/options_pb.ts";
import { type Authenticate, type Call, callKey, type Principal, principalKey } from "./call.ts";
import { isProbe } from "./health.ts";

const words = new Map(Object.entries(Scope).map(([name, value]) => [value as number, name.toLowerCase()]));
const declared = new Map<DescMethod, Scope>();

/**
 * What the contract declares; the most where one of ours declares nothing. Others (reflection) tell of the contracts and of nobody. Kept, for
 * reading an option costs more than the call.
 */
export function scopeOf(method: DescMethod): Scope {
  const known = declared.get(method);
  if (known !== undefined) return known;
  const otherwise = method.parent.typeName.startsWith("carillon.") ? Scope.ADMIN : Scope.READ;
  const scope = getOption(method, scopeOption) || otherwise;
  declared.set(method, scope);
  return scope;
}

/** Throws Problem PERMISSION_DENIED. */
export function demand(scope: Scope, { internal, scopes }: Principal): void {
  if (internal || scopes.includes(scope) || scopes.includes(Scope.ADMIN)) return;
  throw new Problem("PERMISSION_DENIED", { message: `The key does not allow this: it needs the scope ${words.get(scope)}.` });
}

export interface Arrival {
  readonly values: ContextValues;
  readonly method: DescMethod;
  readonly headers: Headers;
}

/**
 * Lets a call in, once: a probe has no principal and is told nothing that needs one, one in memory brings its principal along, and one over HTTP may have been let in before its body was read. No
 * header can set a principal. Answers whether it was a credential of somebody outside that let it in, which may end before the call does.
 */
export async function admit({ values, method, headers }: Arrival, authenticate: Authenticate): Promise<boolean> {
  if (values.get(principalKey) || isProbe(method)) return false;
  const { address } = values.get(callKey) as Call;
  const principal = await authenticate(headers, address);
  demand(scopeOf(method), principal);
  values.set(principalKey, principal);
  return !principal.internal;
}
