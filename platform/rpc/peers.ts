/**
 * How the processes of a mesh know each other: a JSON Web Token, HS256, that names the environment which the caller acts for. It is good for
 * a minute; the secret itself never travels.
 */
import { createHmac } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import type { Authenticate } from "./call.ts";

const SCHEME = "Carillon ";
const AUDIENCE = "carillon:modules";
const LIFE_S = 60;
/** Clocks of two machines differ. */
const TOLERANCE_S = 30;

/** A secret of its own for each purpose. */
export const derived = (secret: string | Uint8Array, purpose: string): Uint8Array => createHmac("sha256", secret).update(purpose).digest();

/** The value of the authorization header for calls in an environment; the same one for half its life. */
export function peerCredentials(secret: string, clock: Clock): (environment: string) => Promise<string> {
  const key = derived(secret, AUDIENCE);
  const made = new Map<string, { readonly untilS: number; readonly value: Promise<string> }>();
  return (environment) => {
    const nowS = Math.floor(clock.nowMs() / 1_000);
    const known = made.get(environment);
    if (known && nowS < known.untilS && nowS > known.untilS - LIFE_S) return known.value;
    const signed = new SignJWT({ env: environment })
      .setProtectedHeader({ alg: "HS256" })
      .setAudience(AUDIENCE)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + LIFE_S)
      .sign(key);
    const value = signed.then((token) => SCHEME + token);
    made.set(environment, { untilS: nowS + LIFE_S / 2, value });
    return value;
  };
}

/** That the caller acts for; undefined where the token was not made with the key, or not just now. */
async function environmentIn(token: string, key: Uint8Array, nowMs: number): Promise<string | undefined> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ["HS256"],
      audience: AUDIENCE,
      requiredClaims: ["exp"],
      clockTolerance: TOLERANCE_S,
      currentDate: new Date(nowMs),
    });
    return typeof payload.env === "string" && payload.env !== "" ? payload.env : undefined;
  } catch {
    return undefined;
  }
}

/** Lets in the other processes of the mesh, and asks `otherwise` about everybody else. What any of the secrets signed is believed. */
export function amongPeers(secrets: readonly (string | undefined)[], clock: Clock, otherwise: Authenticate): Authenticate {
  const keys = secrets.flatMap((secret) => (secret === undefined ? [] : [derived(secret, AUDIENCE)]));
  return async (headers, address) => {
    const presented = headers.get("authorization");
    if (!presented?.startsWith(SCHEME)) return otherwise(headers, address);
    for (const key of keys) {
      const environment = await environmentIn(presented.slice(SCHEME.length), key, clock.nowMs());
      if (environment !== undefined) return { environment, internal: true, scopes: [] };
    }
    // Not counted among the failures of an address: one whose clock is off would shut out its neighbours.
    throw new Problem("UNAUTHENTICATED");
  };
}
