/**
 * Posts JSON to a URL that somebody configured.
 *
 * The address is looked at after the name has been resolved, and it is that address which is connected to: a name that resolves to another
 * one the next time gains nothing. No redirect is followed, and the answer is read for its status only. Plain http is only for addresses
 * that are not public.
 */
import { lookup } from "node:dns";
import { type IncomingMessage, request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { Clock } from "#platform/clock.ts";
import { isPublic, mayReach, type Reach } from "./addresses.ts";

export interface Post {
  readonly url: string;
  readonly body: unknown;
  readonly reach: Reach;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Nothing was sent: the address is not one that may be reached. */
export class Unreachable extends Error {
  constructor() {
    super("the address is not public, and may not be reached");
    this.name = "Unreachable";
  }
}

/** Answers the status. Rejects with what kept it from coming; the message holds neither the URL nor the body. */
export async function post({ url, body, reach, timeoutMs, signal, clock }: Post): Promise<number> {
  const { protocol, hostname } = new URL(url);
  const isPlain = protocol === "http:";
  const isAllowed = (address: string) => mayReach(address, reach) && !(isPlain && isPublic(address));
  const host = hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isAllowed(host)) throw new Unreachable();

  const guarded: LookupFunction = (name, options, done) =>
    lookup(name, { ...options, all: true }, (error, found) => {
      const [first] = error ? [] : found.filter(({ address }) => isAllowed(address));
      if (error) done(new Error("its name is not known"), "", 4);
      else if (!first) done(new Unreachable(), "", 4);
      else if (options.all) done(null, [first]);
      else done(null, first.address, first.family);
    });

  const ended = new AbortController();
  const over = AbortSignal.any([ended.signal, signal]);
  void clock.sleep(timeoutMs, over).then(() => ended.abort("over"));
  const text = Buffer.from(JSON.stringify(body));
  const headers = { "content-type": "application/json", "content-length": text.byteLength, "user-agent": "carillon" };
  try {
    return await new Promise<number>((resolve, reject) => {
      const request = isPlain ? plainRequest : tlsRequest;
      const fail = (error: Error & { code?: string }) => {
        if (over.aborted) reject(new Error("it did not answer in time"));
        else reject(error instanceof Unreachable ? error : new Error(error.code ?? error.message));
      };
      const answered = (answer: IncomingMessage) => {
        answer.destroy();
        resolve(answer.statusCode ?? 0);
      };
      const asked = request(url, { method: "POST", headers, lookup: guarded, agent: false, signal: over }, answered);
      asked.on("error", fail);
      asked.end(text);
    });
  } finally {
    ended.abort("answered");
  }
}
