/**
 * Sessions of operators at the pages: a cookie that stands for an API key, so that a browser sends it by itself.
 *
 * The cookie is a JWE (dir, A256GCM) under a secret of this installation. It holds the key's prefix and its hash, never the key, and says
 * nothing of what the key allows: that is looked up at every call, so a session ends with its key, and 12 hours after it began.
 */
import { base64url, EncryptJWT, jwtDecrypt } from "jose";
import type { Clock } from "#platform/clock.ts";
import type { Presented } from "./credential.ts";

const LIFE_S = 12 * 3_600;
const AUDIENCE = "carillon:session";
const PLAIN = "carillon";
/** Browsers take a name with this prefix over TLS only, and from no other host of the domain. */
const SECURE = `__Host-${PLAIN}`;
const ALGORITHMS = { alg: "dir", enc: "A256GCM" } as const;

export interface Sessions {
  /** The value of Set-Cookie that begins a session. */
  begin(key: Presented, isSecure: boolean): Promise<string>;
  /** What a Cookie header presents; undefined where that is nothing of ours, or has ended. */
  read(cookies: string | null, isSecure: boolean): Promise<Presented | undefined>;
  /** The value of Set-Cookie that ends it. */
  end(isSecure: boolean): string;
}

/** `secret`: 32 bytes. */
export function sessionsOf(secret: Uint8Array, clock: Clock): Sessions {
  const nowS = () => Math.floor(clock.nowMs() / 1_000);
  return {
    async begin({ prefix, hash }, isSecure) {
      const envelope = await new EncryptJWT({ check: base64url.encode(hash) })
        .setProtectedHeader(ALGORITHMS)
        .setSubject(prefix)
        .setAudience(AUDIENCE)
        .setIssuedAt(nowS())
        .setExpirationTime(nowS() + LIFE_S)
        .encrypt(secret);
      return cookie(isSecure, envelope, LIFE_S);
    },
    async read(cookies, isSecure) {
      const envelope = valueIn(cookies ?? "", isSecure ? SECURE : PLAIN);
      if (envelope === undefined) return undefined;
      try {
        const { payload } = await jwtDecrypt(envelope, secret, {
          ...{ keyManagementAlgorithms: [ALGORITHMS.alg], contentEncryptionAlgorithms: [ALGORITHMS.enc] },
          ...{ audience: AUDIENCE, requiredClaims: ["sub", "exp"], currentDate: new Date(clock.nowMs()) },
        });
        return { prefix: payload.sub as string, hash: base64url.decode(payload.check as string) };
      } catch {
        return undefined;
      }
    },
    end: (isSecure) => cookie(isSecure, "", 0),
  };
}

const cookie = (isSecure: boolean, value: string, lifeS: number): string =>
  `${isSecure ? SECURE : PLAIN}=${value}; Path=/; Max-Age=${lifeS}; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;

const valueIn = (cookies: string, name: string): string | undefined =>
  cookies
    .split(";")
    .map((each) => each.trim())
    .find((each) => each.startsWith(`${name}=`))
    ?.slice(name.length + 1);
