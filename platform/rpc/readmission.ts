/**
 * Streams outlast the moment at which they were let in: whoever's credential is revoked, or ends, loses theirs within a second.
 *
 * All streams of one credential are asked about together, twice a second, and again as long as nobody can tell: a store that is away ends
 * no stream.
 */
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import type { Authenticate } from "./call.ts";

const ASK_EVERY_MS = 500;

export interface ReadmissionNeeds {
  readonly authenticate: Authenticate;
  readonly clock: Clock;
}

interface Holder {
  /** How to end each stream. */
  readonly streams: Set<(refusal: Problem) => void>;
  readonly left: AbortController;
}

/** Watches over a stream that was let in with these headers; answers how to stop. */
export type Readmission = (headers: Headers, address: string, end: (refusal: Problem) => void) => () => void;

export function readmission({ authenticate, clock }: ReadmissionNeeds): Readmission {
  const holders = new Map<string, Holder>();

  async function ask(headers: Headers, address: string): Promise<Problem | undefined> {
    try {
      await authenticate(headers, address);
      return undefined;
    } catch (error) {
      return error instanceof Problem && refusals.has(error.reason) ? error : undefined;
    }
  }

  async function watch(credential: string, headers: Headers, address: string, { streams, left }: Holder): Promise<void> {
    for (;;) {
      await clock.sleep(ASK_EVERY_MS, left.signal);
      if (left.signal.aborted) return;
      const refusal = await ask(headers, address);
      if (!refusal) continue;
      holders.delete(credential);
      for (const end of streams) end(refusal);
      return;
    }
  }

  return (headers, address, end) => {
    const credential = JSON.stringify([headers.get("authorization"), headers.get("cookie")]);
    let holder = holders.get(credential);
    if (!holder) {
      holder = { streams: new Set(), left: new AbortController() };
      holders.set(credential, holder);
      void watch(credential, headers, address, holder);
    }
    const { streams, left } = holder;
    streams.add(end);
    return () => {
      if (!streams.delete(end) || streams.size > 0 || left.signal.aborted) return;
      if (holders.get(credential)?.streams === streams) holders.delete(credential);
      left.abort();
    };
  };
}

const refusals: ReadonlySet<string> = new Set(["UNAUTHENTICATED", "TOO_MANY_FAILURES"]);
