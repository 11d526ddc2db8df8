/**
 * The proof that a record was written by this installation's ingest, on a topic that others write to as well: the header `carillon-origin`
 * is an HMAC-SHA256 of key and value, in base64url, by a key derived from the secret that the installation's processes share.
 */
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

export const ORIGIN_HEADER = "carillon-origin";

export interface Origin {
  /** The header's value for a record. */
  prove(key: string, value: Uint8Array): string;
  isProven(proof: string, key: string, value: Uint8Array): boolean;
}

/** `other`: what it signed is believed too. */
export function originOf(secret: string, other?: string): Origin {
  const prove = proving(secret);
  const provers = other === undefined ? [prove] : [prove, proving(other)];
  return {
    prove,
    isProven(proof, key, value) {
      const given = Buffer.from(proof);
      return provers.some((each) => {
        const right = Buffer.from(each(key, value));
        return given.length === right.length && timingSafeEqual(given, right);
      });
    },
  };
}

function proving(secret: string): Origin["prove"] {
  // The secret has other uses; what is proven in one must prove nothing in another.
  const own = createSecretKey(createHmac("sha256", secret).update(ORIGIN_HEADER).digest());
  return (key, value) =>
    // With the length no byte can move from the key into the value.
    createHmac("sha256", own)
      .update(`${Buffer.byteLength(key)}:${key}`)
      .update(value)
      .digest("base64url");
}
