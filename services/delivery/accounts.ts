/**
 * The settings of integrations as texts: a rate, and an SMTP account by its URL. Problems name the place and the part, never what stands
 * there: it may be a password.
 */
import type { Rate } from "#platform/limits/bucket.ts";
import type { Credentials } from "./providers/email/session.ts";
import type { SmtpTls } from "./providers/email/smtp.ts";

/** A server, with what it is to be used with where that is said. */
export interface Account {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly tls: SmtpTls;
  readonly credentials?: Credentials;
  readonly connections?: number;
  /** None: as fast as it goes. */
  readonly rate?: Rate | "none";
}

const periods: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3_600 };
const MOST_CONNECTIONS = 1_000;
/** A tenth of what a period brings: so no such period sees more than a tenth above the rate. */
const BURST = 0.1;

export const RATE_FORM = "must be none, or a number of sends for each s, min or h, like 1000/min";

/** "1000/min", "none"; undefined when it is neither. `burst`: of one's own. */
export function rateOf(text: string, burst?: number): Rate | "none" | undefined {
  if (text === "none") return "none";
  const [, number = "", period = ""] = /^([1-9]\d{0,8})\/(s|min|h)$/.exec(text) ?? [];
  const seconds = periods[period];
  if (seconds === undefined) return undefined;
  const perSecond = Number(number) / seconds;
  // What comes between two looks at the bucket has to fit in.
  const least = Math.max(1, Math.ceil(perSecond / 10));
  return { perSecond, burst: Math.max(least, burst ?? Math.ceil(Number(number) * BURST)) };
}

/** With TLS only where nobody said otherwise: a password is not to be had by whoever strips STARTTLS from the server's greeting. */
export const defaultTls = (credentials: unknown): SmtpTls => (credentials === undefined ? "opportunistic" : "required");

const NAME = /^[a-z][a-z0-9-]{0,31}$/;
/** Names of what is no account of a provider. */
const reserved: ReadonlySet<string> = new Set(["null", "none", "mailbox", "inbox"]);
const MOST_ACCOUNTS = 16;
const FORM = "name=smtp://user:password@host:587 or name=smtps://…";

/** `name=smtp[s]://[user:password@]host[:port][?tls=…&rate=…&burst=…&connections=…]`, each. Throws a sentence that begins with must. */
export function accountsOf(text: string): readonly Account[] {
  const texts = text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
  if (texts.length > MOST_ACCOUNTS) throw new Error(`must be ${MOST_ACCOUNTS} at most`);
  const accounts = texts.map((each, at) => {
    const wrong = (what: string) => new Error(`must be mended: of number ${at + 1}, ${what}`);
    return accountOf(each, wrong);
  });
  const [twice] = accounts.filter(({ id }, at) => accounts.findIndex((other) => other.id === id) < at);
  if (twice) throw new Error(`must not name ${twice.id} twice`);
  return accounts;
}

function accountOf(text: string, wrong: (what: string) => Error): Account {
  const at = text.indexOf("=");
  const [id, address] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 0 || !URL.canParse(address)) throw wrong(`the form is not ${FORM}`);
  if (!NAME.test(id) || reserved.has(id)) throw wrong("the name is not lower-case letters, digits and dashes, or it is taken");
  const url = new URL(address);
  const isTls = url.protocol === "smtps:";
  if ((!isTls && url.protocol !== "smtp:") || url.hostname === "" || !/^\/?$/.test(url.pathname) || url.hash !== "")
    throw wrong(`the address is not ${FORM}`);
  const credentials = credentialsOf(url, wrong);
  const more = settingsOf(url.searchParams, wrong);
  if (isTls && more.tls !== undefined) throw wrong("smtps:// is TLS from the first byte and takes no tls");
  return {
    ...{ id, host: url.hostname.replace(/^\[|\]$/g, ""), port: url.port === "" ? (isTls ? 465 : 587) : Number(url.port) },
    ...(credentials && { credentials }),
    ...more,
    tls: isTls ? "implicit" : (more.tls ?? defaultTls(credentials)),
  };
}

function credentialsOf({ username, password }: URL, wrong: (what: string) => Error): Credentials | undefined {
  if (username === "" && password === "") return undefined;
  if (username === "" || password === "") throw wrong("a username comes with a password");
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    throw wrong("username and password are not percent-encoded");
  }
}

function settingsOf(given: URLSearchParams, wrong: (what: string) => Error) {
  for (const key of given.keys()) {
    if (!["tls", "rate", "burst", "connections"].includes(key)) throw wrong("only tls, rate, burst and connections can follow the ?");
    if (given.getAll(key).length > 1) throw wrong(`${key} is given twice`);
  }
  const number = (key: string, most: number): number | undefined => {
    const text = given.get(key);
    if (text === null) return undefined;
    if (!/^[1-9]\d{0,8}$/.test(text) || Number(text) > most) throw wrong(`${key} is not a whole number from 1 to ${most}`);
    return Number(text);
  };
  const tls = given.get("tls");
  if (tls !== null && !["opportunistic", "required", "off"].includes(tls)) throw wrong("tls is not opportunistic, required or off");
  const connections = number("connections", MOST_CONNECTIONS);
  const burst = number("burst", 999_999_999);
  const text = given.get("rate");
  const rate = text === null ? undefined : rateOf(text, burst);
  if (text !== null && rate === undefined) throw wrong(`rate ${RATE_FORM}`);
  if (burst !== undefined && (rate === undefined || rate === "none")) throw wrong("burst comes with a rate");
  return {
    ...(tls !== null && { tls: tls as SmtpTls }),
    ...(connections !== undefined && { connections }),
    ...(rate !== undefined && { rate }),
  };
}
