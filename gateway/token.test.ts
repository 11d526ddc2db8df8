import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { mintToken, verifyToken } from "./token.ts";

const secret = new Uint8Array(32).fill(7);
const nowMs = 1_700_000_000_000;
const ann = { userId: "ann", environment: "development" };
const until = (expiresAtMs: number) => ({ ...ann, expiresAtMs });

/** A token of ours, but for what a test changes. */
const signed = (claims: Record<string, unknown>, alg = "HS256", key = secret) =>
  new SignJWT({ sub: "ann", env: "development", exp: nowMs / 1_000 + 60, ...claims }).setProtectedHeader({ alg }).sign(key);

describe("the gateway's token", () => {
  it("says who is there, where, and until when", async () => {
    expect(await verifyToken(secret, await mintToken(secret, { ...ann, nowMs }), nowMs)).toEqual(until(nowMs + 3_600_000));
  });

  it("lives an hour", async () => {
    const token = await mintToken(secret, { ...ann, nowMs });
    expect(await verifyToken(secret, token, nowMs + 3_599_000)).toEqual(until(nowMs + 3_600_000));
    expect(await verifyToken(secret, token, nowMs + 3_600_000)).toBeUndefined();
  });

  it("is taken from whoever else has the secret, as the contract describes it", async () => {
    expect(await verifyToken(secret, await signed({}), nowMs)).toEqual(until(nowMs + 60_000));
  });

  it("is none when somebody else signed it, or changed it", async () => {
    expect(await verifyToken(secret, await signed({}, "HS256", new Uint8Array(32).fill(8)), nowMs)).toBeUndefined();
    const [header, , signature] = (await signed({})).split(".");
    const [, claims] = (await signed({ sub: "bo" })).split(".");
    expect(await verifyToken(secret, [header, claims, signature].join("."), nowMs)).toBeUndefined();
  });

  it("is none when it is signed in another way, or not at all", async () => {
    expect(await verifyToken(secret, await signed({}, "HS512", new Uint8Array(64).fill(7)), nowMs)).toBeUndefined();
    expect(await verifyToken(new Uint8Array(64).fill(7), await signed({}, "HS512", new Uint8Array(64).fill(7)), nowMs)).toBeUndefined();
    const unsigned = new UnsecuredJWT({ env: "development" })
      .setSubject("ann")
      .setExpirationTime(nowMs / 1_000 + 60)
      .encode();
    expect(await verifyToken(secret, unsigned, nowMs)).toBeUndefined();
  });

  it.each(["sub", "env", "exp"])("is none without %s", async (claim) => {
    expect(await verifyToken(secret, await signed({ [claim]: undefined }), nowMs)).toBeUndefined();
  });

  it("is none when a claim is empty or no text", async () => {
    for (const claims of [{ sub: "" }, { env: "" }, { env: 5 }, { sub: 5 }])
      expect(await verifyToken(secret, await signed(claims), nowMs)).toBeUndefined();
  });

  it.each(["", "nonsense", "a.b.c", "ä".repeat(5_000)])("is none when it is no token at all", async (text) => {
    expect(await verifyToken(secret, text, nowMs)).toBeUndefined();
  });
});
