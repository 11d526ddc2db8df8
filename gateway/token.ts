/** The gateway's token: a JSON Web Token, HS256, that says who is there. Never in a URL: it travels in the first frame. */
import { jwtVerify, SignJWT } from "jose";

const LIFE_S = 3_600;

export interface Identity {
  readonly userId: string;
  readonly environment: string;
  /** No connection that it opened lives longer. */
  readonly expiresAtMs: number;
}

type Minted = Pick<Identity, "userId" | "environment"> & { readonly nowMs: number };

export const mintToken = (secret: Uint8Array, { userId, environment, nowMs }: Minted): Promise<string> => {
  const nowS = Math.floor(nowMs / 1_000);
  return new SignJWT({ env: environment })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(userId)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + LIFE_S)
    .sign(secret);
};

/** Undefined when the token is not ours, has expired, or lacks a claim. */
export async function verifyToken(secret: Uint8Array, token: string, nowMs: number): Promise<Identity | undefined> {
  try {
    const { payload } = await jwtVerify(token, secret, {
      algorithms: ["HS256"],
      requiredClaims: ["sub", "exp"],
      currentDate: new Date(nowMs),
    });
    const { sub, env, exp } = payload;
    return isName(sub) && isName(env) ? { userId: sub, environment: env, expiresAtMs: Number(exp) * 1_000 } : undefined;
  } catch {
    return undefined;
  }
}

const isName = (claim: unknown): claim is string => typeof claim === "string" && claim !== "";
