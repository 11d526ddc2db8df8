/**
 * Which pages may call. Browsers say of every page that posts, or opens a WebSocket, where it came from; and they send along the cookies of
 * whom they call, whichever page calls.
 */
import { Problem } from "#domain/errors.ts";
import type { Head } from "./exchange.ts";

const harmless = new Set(["GET", "HEAD", "OPTIONS"]);
const loopback = /^(localhost|127\.0\.0\.1)(:\d{1,5})?$/i;

export const isHarmless = (method: string): boolean => harmless.has(method);
export const isLoopback = (host: string): boolean => loopback.test(host);

/** The page came from the very host that it now calls (a proxy that ends TLS passes it on), or from one of these ports of this machine. */
export function isOwnPage(origin: string, headers: Headers, ports: readonly number[] = []): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host, port } = new URL(origin);
  if (protocol === "http:" && isLoopback(host) && ports.includes(Number(port || 80))) return true;
  const called = `${protocol}//${headers.get("host")}`;
  return /^https?:$/.test(protocol) && URL.canParse(called) && new URL(called).host === host;
}

/**
 * Why a request is refused on which a browser may have put the cookie of a session: what changes something must come from a page of ours.
 * An authorization header outranks a cookie, and no other site's page can make a browser send us one.
 */
export function borrowedSession({ method, headers }: Head): Problem | undefined {
  if (isHarmless(method) || !headers.has("cookie") || headers.has("authorization")) return undefined;
  const [origin, site] = [headers.get("origin"), headers.get("sec-fetch-site")];
  // Over plain HTTP browsers do not send the latter.
  const isOwn = (site ?? "same-origin") === "same-origin" && (origin === null ? site !== null : isOwnPage(origin, headers));
  return isOwn ? undefined : new Problem("FORBIDDEN_ORIGIN");
}

export interface Pages {
  /** Origins that are let in besides our own. */
  readonly origins?: readonly string[] | undefined;
  /** Ports of this machine whose pages are ours; in development. */
  readonly ports: readonly number[];
}

/** Why a page may not open a WebSocket. Programs that are no browser name no origin. */
export function strangePage({ headers }: Head, { origins = [], ports }: Pages): Problem | undefined {
  const origin = headers.get("origin");
  return origin === null || origins.includes(origin) || isOwnPage(origin, headers, ports) ? undefined : new Problem("FORBIDDEN_ORIGIN");
}
