/**
 * Who is at the other end, and by which name they reached us: the connection says, or the proxy in front where it is trusted.
 *
 * A trusted proxy appends the address that it saw to X-Forwarded-For, so the last one is the only one that it vouches for: those before it
 * are whatever its caller wrote.
 */
import { isIP } from "node:net";

export interface Front {
  /** The connection itself is encrypted. */
  readonly tls: boolean;
  /** There is a proxy in front that sets X-Forwarded-For and X-Forwarded-Proto, and nobody gets past it. */
  readonly trustProxy: boolean;
}

export interface Peer {
  readonly address: string;
  /** Scheme and host as the caller wrote them, for links in the answer. */
  readonly baseUrl: string;
}

const HOST = /^[A-Za-z0-9._[\]:-]{1,255}$/;

export function peerOf(remoteAddress: string, headers: Headers, { tls, trustProxy }: Front): Peer {
  const told = (name: string) => (trustProxy ? headers.get(name)?.split(",").at(-1)?.trim() : undefined);
  const forwarded = told("x-forwarded-for");
  const proto = told("x-forwarded-proto")?.toLowerCase();
  const secure = proto === undefined ? tls : proto === "https";
  const host = headers.get("host") ?? "";
  return {
    address: forwarded !== undefined && isIP(forwarded) !== 0 ? forwarded : remoteAddress,
    baseUrl: `${secure ? "https" : "http"}://${HOST.test(host) ? host : "localhost"}`,
  };
}
