/** Where a Redis is, from its URL: redis://[user:password@]host[:port][/database], rediss:// for TLS. */
import { RedisRefusal } from "./errors.ts";

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
}

const PORT = 6379;

/** Throws a RedisRefusal that does not repeat the URL: it may hold a password. */
export function addressOf(url: string): RedisAddress {
  const refuse = (): never => {
    throw new RedisRefusal("A Redis address must be a URL like redis://localhost:6379 or rediss://user:password@host:6379/0.");
  };
  const parsed = URL.canParse(url) ? new URL(url) : refuse();
  const { protocol, hostname, port, username, password, pathname } = parsed;
  const database = /^\/?(\d{0,5})$/.exec(pathname)?.[1];
  if (!/^rediss?:$/.test(protocol) || hostname === "" || database === undefined) return refuse();
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? PORT : Number(port),
    db: Number(database),
    username: username === "" ? undefined : decodeURIComponent(username),
    password: password === "" ? undefined : decodeURIComponent(password),
    tls: protocol === "rediss:",
  };
}
