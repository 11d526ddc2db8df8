/**
 * Who calls: the key that the authorization header presents, or else the session of a browser, and the environment that it opens.
 *
 * A key that is malformed, unknown, wrong, revoked or expired is answered the same; a call without one is told how to bring it. Its time of last use is kept to the hour, so
 * that using it writes next to nothing.
 */
import type { Logger } from "pino";
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import type { Authenticate } from "#platform/rpc/call.ts";
import { isHashOf, type Presented, presented } from "./credential.ts";
import { Failures } from "./failures.ts";
import type { AccessStore, KeyRecord } from "./store.ts";
import { isUsable } from "./usable.ts";

const HOUR_MS = 3_600_000;

export interface AuthenticateNeeds {
  readonly store: Pick<AccessStore, "findKey" | "touchKey">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The key that the session of a request stands for. */
  readonly sessionOf: (headers: Headers) => Promise<Presented | undefined>;
}

export function authenticating({ store, clock, logger, sessionOf }: AuthenticateNeeds): Authenticate {
  const failures = new Failures(clock);

  const touch = ({ prefix, lastUsedAtMs }: KeyRecord, nowMs: number): void => {
    const hourMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
    if (lastUsedAtMs >= hourMs) return;
    store.touchKey(prefix, hourMs).catch((error) => logger.warn({ err: error, prefix }, "the time of a key's last use was not kept"));
  };

  return async (headers, address) => {
    const nowMs = clock.nowMs();
    const authorization = headers.get("authorization");
    const credential = authorization === null ? await sessionOf(headers) : presented(authorization);
    const key = credential && (await store.findKey(credential.prefix));
    if (credential && isHashOf(key?.hash, credential.hash) && key && isUsable(key, nowMs)) {
      touch(key, nowMs);
      return { environment: key.environment, internal: false, scopes: key.scopes, key: key.prefix };
    }
    const waitMs = failures.met(address);
    if (waitMs > 0) throw new Problem("TOO_MANY_FAILURES", { retryAfterMs: waitMs });
    throw new Problem("UNAUTHENTICATED", whatIsMissing(headers));
  };
}

const RIGHT = 'send the header "authorization: Bearer <key>"';

/** Of a call that brings nothing to be wrong, what would be right; nothing of any other, for a wrong key hears no more than that. */
function whatIsMissing(headers: Headers): { readonly message?: string } {
  const authorization = headers.get("authorization") ?? "";
  if (authorization === "") return headers.has("cookie") ? {} : { message: `There is no credential: ${RIGHT}.` };
  return /^Bearer( |$)/i.test(authorization) ? {} : { message: `The credential's scheme is not Bearer: ${RIGHT}.` };
}
