import { randomBytes } from "node:crypto";
import { base64url, EncryptJWT } from "jose";
import pino from "pino";
import { beforeEach, describe, expect, it } from "vitest";
import type { Problem } from "#domain/errors.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Principal } from "#platform/rpc/call.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { accessRoom } from "./access.fixture.ts";
import { authenticating } from "./authenticate.ts";
import { type Sessions, sessionsOf } from "./session.ts";
import { signingIn } from "./sign-in.ts";

const ADDRESS = "192.0.2.1";
const HOUR_MS = 3_600_000;
const secret = new Uint8Array(32).fill(7);

const here = accessRoom();
let sessions: Sessions;
let isSecure: boolean;
beforeEach(() => {
  sessions = sessionsOf(secret, here.clock);
  isSecure = true;
});

const gate = () =>
  authenticating({
    ...{ store: here.store, clock: here.clock, logger: pino({ level: "silent" }) },
    sessionOf: (headers) => sessions.read(headers.get("cookie"), isSecure),
  });
const keyWith = async (...scopes: Scope[]) => {
  const { credential, key } = await here.caller("staging").createKey({ name: "operator", scopes });
  return { credential, prefix: key?.prefix as string };
};
const signIn = (credential: string, authenticate = gate()) => signingIn(authenticate, sessions).begin(credential, ADDRESS, isSecure);
/** What a browser sends back of it. */
const sentBack = (setCookie: string) => setCookie.split(";")[0] as string;
const knock = async (cookie: string, more: Record<string, string> = {}): Promise<Principal> =>
  gate()(new Headers({ cookie, ...more }), ADDRESS);
const reasonOf = (call: Promise<unknown>): Promise<Problem["reason"]> =>
  call.then(
    () => expect.fail("was let in"),
    (error) => problemFrom(error).reason,
  );

describe("a session", () => {
  it("opens what its key opens, among other cookies", async () => {
    const { credential } = await keyWith(Scope.READ);
    const cookie = sentBack(await signIn(`  ${credential}\n`));
    expect(await knock(`theme=dark; ${cookie}; carillon=nonsense`)).toEqual({
      ...{ environment: "staging", internal: false, scopes: [Scope.READ], key: credential.split(".")[0] },
    });
  });

  it("is a cookie that no script reads and no other site sends; over TLS no other host sets it", async () => {
    const { credential } = await keyWith(Scope.READ);
    expect(await signIn(credential)).toMatch(/^__Host-carillon=[\w.-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure$/);
    isSecure = false;
    expect(await signIn(credential)).toMatch(/^carillon=[\w.-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    expect(sessions.end(true)).toBe("__Host-carillon=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure");
  });

  it("over TLS is not taken from a cookie that any host of the domain could have set", async () => {
    const { credential } = await keyWith(Scope.READ);
    isSecure = false;
    const cookie = sentBack(await signIn(credential));
    await knock(cookie);
    isSecure = true;
    expect(await reasonOf(knock(cookie))).toBe("UNAUTHENTICATED");
  });

  it("tells nothing of the key", async () => {
    const { credential, prefix } = await keyWith(Scope.READ);
    const cookie = sentBack(await signIn(credential));
    const readable = cookie.split(/[=.]/).flatMap((part) => [part, Buffer.from(part, "base64url").toString("latin1")]);
    for (const word of [prefix, credential.split(".")[1] as string, "staging"]) expect(readable.join("\n")).not.toContain(word);
  });

  it("ends after 12 hours", async () => {
    const { credential } = await keyWith(Scope.READ);
    const cookie = sentBack(await signIn(credential));
    await here.clock.advance(12 * HOUR_MS - 1_000);
    await knock(cookie);
    await here.clock.advance(1_000);
    expect(await reasonOf(knock(cookie))).toBe("UNAUTHENTICATED");
  });

  it("ends the moment its key is revoked, and when the key ends", async () => {
    const revoked = await keyWith(Scope.READ);
    const cookie = sentBack(await signIn(revoked.credential));
    await knock(cookie);
    await here.caller("staging").revokeKey({ prefix: revoked.prefix });
    expect(await reasonOf(knock(cookie))).toBe("UNAUTHENTICATED");
    const expiresAtMs = BigInt(here.clock.nowMs() + 60_000);
    const { credential = "" } = await here.caller("staging").createKey({ name: "short", scopes: [Scope.READ], expiresAtMs });
    const short = sentBack(await signIn(credential));
    await here.clock.advance(60_000);
    expect(await reasonOf(knock(short))).toBe("UNAUTHENTICATED");
  });

  it("gives way to an authorization header, also to one that opens nothing", async () => {
    const cookie = sentBack(await signIn((await keyWith(Scope.READ)).credential));
    const other = await keyWith(Scope.SEND);
    expect((await knock(cookie, { authorization: `Bearer ${other.credential}` })).scopes).toEqual([Scope.SEND]);
    expect(await reasonOf(knock(cookie, { authorization: "Bearer none" }))).toBe("UNAUTHENTICATED");
  });

  it.each(["", ".", "x.y.z", "a.b.c.d.e"])("is not %j", async (value) => {
    expect(await reasonOf(knock(`__Host-carillon=${value}`))).toBe("UNAUTHENTICATED");
  });

  it("is not one that was tampered with, wherever", async () => {
    const cookie = sentBack(await signIn((await keyWith(Scope.READ)).credential));
    const from = cookie.indexOf("=") + 1;
    for (let at = from; at < cookie.length; at += 7) {
      // The last character of a part holds bits that decoding drops.
      if (cookie[at] === "." || cookie[at + 1] === "." || at === cookie.length - 1) continue;
      const tampered = `${cookie.slice(0, at)}${cookie[at] === "A" ? "B" : "A"}${cookie.slice(at + 1)}`;
      expect(await reasonOf(knock(tampered)), String(at)).toMatch(/UNAUTHENTICATED|TOO_MANY_FAILURES/);
    }
  });

  it("is not one of another installation, for another purpose, without an end, or with another key's secret", async () => {
    const { prefix } = await keyWith(Scope.READ);
    const foreign = sessionsOf(randomBytes(32), here.clock);
    const hash = (await here.store.findKey(prefix))?.hash as Uint8Array;
    const nowS = here.clock.nowMs() / 1_000;
    const envelope = (check: Uint8Array, audience: string) =>
      new EncryptJWT({ check: base64url.encode(check) })
        .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
        .setSubject(prefix)
        .setAudience(audience);
    const made = async (jwt: EncryptJWT) => `__Host-carillon=${await jwt.encrypt(secret)}`;
    const good = () => envelope(hash, "carillon:session").setExpirationTime(nowS + 60);
    expect((await knock(await made(good()))).environment).toBe("staging");
    for (const cookie of [
      sentBack(await foreign.begin({ prefix, hash }, true)),
      await made(envelope(hash, "carillon:other").setExpirationTime(nowS + 60)),
      await made(envelope(hash, "carillon:session")),
      await made(envelope(new Uint8Array(32), "carillon:session").setExpirationTime(nowS + 60)),
      await made(envelope(new Uint8Array(3), "carillon:session").setExpirationTime(nowS + 60)),
    ])
      expect(await reasonOf(knock(cookie))).toBe("UNAUTHENTICATED");
  });
});

describe("signing in", () => {
  it("takes a key that may read, or an admin's, and no other", async () => {
    for (const scope of [Scope.READ, Scope.ADMIN]) await signIn((await keyWith(scope)).credential);
    expect(await reasonOf(signIn((await keyWith(Scope.SEND)).credential))).toBe("PERMISSION_DENIED");
  });

  it("counts what is wrong among the failures of the address, whatever it is, and lets a good key pass all the same", async () => {
    const authenticate = gate();
    const wrong = ["", "none", "ключ\r\nx: y", `ck_live_0123456789abcdef.${"A".repeat(43)}`];
    for (let time = 0; time < 20; time++) expect(await reasonOf(signIn(wrong[time % 4] as string, authenticate))).toBe("UNAUTHENTICATED");
    expect(await reasonOf(signIn("none", authenticate))).toBe("TOO_MANY_FAILURES");
    await signIn((await keyWith(Scope.READ)).credential, authenticate);
  });
});
