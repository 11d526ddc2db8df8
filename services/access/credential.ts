/**
 * Credentials: `<prefix>.<secret>`. The prefix names the key and may be shown; the secret is 256 random bits, of which only the SHA-256
 * is kept. That much chance needs no slow hash: nobody tries out 2^256 of them.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";

const BEARER = /^Bearer +(ck_(?:live|test)_[0-9a-f]{16})\.([A-Za-z0-9_-]{43})$/i;
/** What an unknown key is compared with, so that it takes as long as a known one. */
const NOBODYS = Buffer.alloc(32);

export interface Minted {
  readonly prefix: string;
  /** To be shown once and forgotten. */
  readonly credential: string;
  readonly hash: Uint8Array;
}

export function mintCredential(kind: EnvironmentKind): Minted {
  const prefix = `ck_${kind === EnvironmentKind.TEST ? "test" : "live"}_${randomBytes(8).toString("hex")}`;
  const secret = randomBytes(32).toString("base64url");
  return { prefix, credential: `${prefix}.${secret}`, hash: hashOf(secret) };
}

export interface Presented {
  readonly prefix: string;
  /** Of the secret. */
  readonly hash: Uint8Array;
}

/** What an authorization header presents; undefined when it is missing or nothing of ours. */
export function presented(authorization: string | null): Presented | undefined {
  const [, prefix, secret] = BEARER.exec(authorization ?? "") ?? [];
  return prefix !== undefined && secret !== undefined ? { prefix, hash: hashOf(secret) } : undefined;
}

/** Whether it is what the known key has; undefined: there is no such key. */
export function isHashOf(known: Uint8Array | undefined, hash: Uint8Array): boolean {
  const same = hash.byteLength === NOBODYS.byteLength && timingSafeEqual(known ?? NOBODYS, hash);
  return same && known !== undefined;
}

const hashOf = (secret: string): Buffer => createHash("sha256").update(secret).digest();
