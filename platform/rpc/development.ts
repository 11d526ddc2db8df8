/**
 * Development mode asks for no credential, so nobody but the developer's own pages and programs may reach it.
 *
 * The host rule stops DNS rebinding (a page of a name that its owner has pointed at 127.0.0.1); the origin rule stops other sites' pages
 * from posting. WebSockets, which browsers allow across origins, have a rule of their own in origin.ts.
 */
import { Problem } from "#domain/errors.ts";
import type { Head } from "./exchange.ts";
import { isHarmless, isLoopback, isOwnPage } from "./origin.ts";

/** Why this request is refused, if it is. `ports` are our own. */
export function refusal({ method, headers }: Head, ports: readonly number[]): Problem | undefined {
  if (!isLoopback(headers.get("host") ?? "")) return new Problem("FORBIDDEN_HOST");
  const origin = headers.get("origin");
  return origin === null || isHarmless(method) || isOwnPage(origin, headers, ports) ? undefined : new Problem("FORBIDDEN_ORIGIN");
}
