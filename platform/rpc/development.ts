/**
 * Development mode asks for no credential, so nobody but the developer's own pages and programs may reach it.
 *
 * The host rule stops DNS rebinding (a page of a name that its owner has pointed at 127.0.0.1); the origin rule stops other sites' pages
 * from posting, and from opening a WebSocket, which browsers allow across origins.
 */
import { Problem } from "#domain/errors.ts";
import type { Head } from "./exchange.ts";

const loopback = /^(localhost|127\.0\.0\.1)(:\d{1,5})?$/i;
const harmless = new Set(["GET", "HEAD", "OPTIONS"]);

/** Why this request is refused, if it is. `ports` are our own. */
export function refusal({ method, headers }: Head, ports: readonly number[], upgrade = false): Problem | undefined {
  const host = headers.get("host") ?? "";
  if (!loopback.test(host)) return new Problem("FORBIDDEN_HOST");
  const origin = headers.get("origin");
  if (origin === null || (harmless.has(method) && !upgrade)) return undefined;
  return isOwn(origin, host, ports) ? undefined : new Problem("FORBIDDEN_ORIGIN");
}

/** The page came from us: by one of our ports, or by the very host it now calls (a forwarded port). */
function isOwn(origin: string, host: string, ports: readonly number[]): boolean {
  if (!URL.canParse(origin)) return false;
  const from = new URL(origin);
  if (from.protocol !== "http:" || !loopback.test(from.host)) return false;
  return from.host === host.toLowerCase() || ports.includes(Number(from.port || 80));
}
