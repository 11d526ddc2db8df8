/** Where the server is, read from a URL, and how that is said without its password. */
import { DatabaseError } from "#platform/sql/errors.ts";

const DEFAULT_PORT = 3306;

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export function addressOf(url: string): Address {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "mysql:" || parsed.hostname === "" || !/^\/[^/]+$/.test(parsed.pathname))
    throw new DatabaseError("The address of MySQL must be a URL like mysql://user:password@host:3306/database.");
  return {
    // An IPv6 address stands in brackets in a URL, and nowhere else.
    host: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: Number(parsed.port) || DEFAULT_PORT,
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)),
  };
}

export const said = ({ host, port }: Address): string => `MySQL at ${host}:${port}`;
