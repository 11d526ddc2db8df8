import pino from "pino";
import { describe, expect, it } from "vitest";
import type { Problem } from "#domain/errors.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Authenticate, Principal } from "#platform/rpc/call.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { accessRoom } from "./access.fixture.ts";
import { authenticating } from "./authenticate.ts";

const HOUR_MS = 3_600_000;
const ADDRESS = "192.0.2.1";

const here = accessRoom();
const gate = (): Authenticate =>
  authenticating({ store: here.store, clock: here.clock, logger: pino({ level: "silent" }), sessionOf: async () => undefined });
const made = async (more: { expiresAtMs?: bigint } = {}) => {
  const { credential, key } = await here.caller("staging").createKey({ name: "jobs", scopes: [Scope.SEND], ...more });
  return { credential, prefix: key?.prefix as string };
};
const knock = (authenticate: Authenticate, authorization: string | undefined, address = ADDRESS): Promise<Principal> =>
  Promise.resolve(authenticate(new Headers(authorization === undefined ? {} : { authorization }), address));
const problemOf = (call: Promise<unknown>): Promise<Problem> => call.then(() => expect.fail("was let in"), problemFrom);

describe("a key", () => {
  it("opens its environment, with its scopes and its name, however the scheme is written", async () => {
    const { credential, prefix: key } = await made();
    for (const scheme of ["Bearer", "bearer", "BEARER "])
      expect(await knock(gate(), `${scheme} ${credential}`)).toEqual({
        environment: "staging",
        internal: false,
        scopes: [Scope.SEND],
        key,
      });
  });

  it("that is wrong, another's, half or no key at all is answered the same", async () => {
    const { credential, prefix } = await made();
    const other = await made();
    const secret = credential.split(".")[1] as string;
    const flipped = `${prefix}.${secret.startsWith("A") ? "B" : "A"}${secret.slice(1)}`;
    const tries = ["Bearer", "Bearer ", `Bearer ${prefix}`, `Bearer ${prefix}.`, `Bearer ${flipped}`];
    tries.push(`Bearer ${credential}x`, `Bearer ${other.prefix}.${secret}`, `Bearer ck_live_0000000000000000.${secret}`);
    const messages = new Set<string>();
    for (const [index, authorization] of tries.entries()) {
      const problem = await problemOf(knock(gate(), authorization, `192.0.2.${index}`));
      expect(problem.reason, String(index)).toBe("UNAUTHENTICATED");
      messages.add(problem.message);
    }
    expect(messages.size).toBe(1);
  });

  it("that is not there, or in another scheme, is told how it would be right", async () => {
    const { credential } = await made();
    const said = async (authorization: string | undefined) => {
      const { reason, message } = await problemOf(knock(gate(), authorization));
      return `${reason} ${message}`;
    };
    for (const nothing of [undefined, ""])
      expect(await said(nothing)).toBe('UNAUTHENTICATED There is no credential: send the header "authorization: Bearer <key>".');
    for (const strange of [credential, `Basic ${credential}`, `Bearer${credential}`])
      expect(await said(strange)).toBe(
        'UNAUTHENTICATED The credential\'s scheme is not Bearer: send the header "authorization: Bearer <key>".',
      );
  });

  it("ends the moment it is revoked", async () => {
    const { credential, prefix } = await made();
    const authenticate = gate();
    await knock(authenticate, `Bearer ${credential}`);
    await here.caller("staging").revokeKey({ prefix });
    expect((await problemOf(knock(authenticate, `Bearer ${credential}`))).reason).toBe("UNAUTHENTICATED");
  });

  it("ends at its time, and a rotated one with its overlap", async () => {
    const expiring = await made({ expiresAtMs: BigInt(here.clock.nowMs() + 60_000) });
    const rotated = await made();
    const { credential: fresh } = await here.caller("staging").rotateKey({ prefix: rotated.prefix, overlapS: 60 });
    const authenticate = gate();
    await here.clock.advance(59_999);
    for (const { credential } of [expiring, rotated]) await knock(authenticate, `Bearer ${credential}`);
    await here.clock.advance(1);
    for (const { credential } of [expiring, rotated])
      expect((await problemOf(knock(authenticate, `Bearer ${credential}`))).reason).toBe("UNAUTHENTICATED");
    await knock(authenticate, `Bearer ${fresh}`);
  });

  it("remembers the hour of its last use, and no more than that", async () => {
    const { credential, prefix } = await made();
    const authenticate = gate();
    const used = async () => (await here.store.findKey(prefix))?.lastUsedAtMs;
    await knock(authenticate, `Bearer ${credential}`);
    const hourMs = Math.floor(here.clock.nowMs() / HOUR_MS) * HOUR_MS;
    await expect.poll(used).toBe(hourMs);
    await here.clock.advance(HOUR_MS);
    await knock(authenticate, `Bearer ${credential}`);
    await expect.poll(used).toBe(hourMs + HOUR_MS);
  });
});

describe("failures of one address", () => {
  const fail = (authenticate: Authenticate, address: string) => problemOf(knock(authenticate, "Bearer nonsense", address));

  it("are slowed down after 20, told when to come again, and forgiven one by one", async () => {
    const authenticate = gate();
    for (let time = 0; time < 20; time++) expect((await fail(authenticate, ADDRESS)).reason).toBe("UNAUTHENTICATED");
    const slowed = await fail(authenticate, ADDRESS);
    expect([slowed.reason, slowed.retryAfterMs]).toEqual(["TOO_MANY_FAILURES", 3_000]);
    expect((await fail(authenticate, ADDRESS)).retryAfterMs).toBe(3_000);
    await here.clock.advance(3_000);
    expect((await fail(authenticate, ADDRESS)).reason).toBe("UNAUTHENTICATED");
    expect((await fail(authenticate, ADDRESS)).reason).toBe("TOO_MANY_FAILURES");
  });

  it("say nothing against other addresses, nor against a good key of the same", async () => {
    const { credential } = await made();
    const authenticate = gate();
    for (let time = 0; time < 30; time++) await fail(authenticate, ADDRESS);
    expect((await fail(authenticate, "192.0.2.2")).reason).toBe("UNAUTHENTICATED");
    expect((await knock(authenticate, `Bearer ${credential}`)).environment).toBe("staging");
  });

  it("are those of the whole network where it is IPv6", async () => {
    const authenticate = gate();
    for (let time = 0; time < 20; time++) await fail(authenticate, `2001:db8:0:1::${time + 1}`);
    expect((await fail(authenticate, "2001:db8:0:1:ffff::1")).reason).toBe("TOO_MANY_FAILURES");
    expect((await fail(authenticate, "2001:db8:0:2::1")).reason).toBe("UNAUTHENTICATED");
  });
});
