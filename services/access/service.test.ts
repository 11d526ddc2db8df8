import { describe, expect, it } from "vitest";
import type { Problem } from "#domain/errors.ts";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { accessRoom } from "./access.fixture.ts";

const DAY_MS = 86_400_000;

const here = accessRoom();
const home = () => here.caller("production");
const jobs = { name: "jobs", scopes: [Scope.SEND] };

const problemOf = async (call: Promise<unknown>): Promise<Problem> => call.then(() => expect.fail("was answered"), problemFrom);
const fieldsOf = async (call: Promise<unknown>) => (await problemOf(call)).violations.map(({ field }) => field);
const reasonOf = async (call: Promise<unknown>) => (await problemOf(call)).reason;

describe("environments", () => {
  it("are made by callers of the first one, whose keys see all of them", async () => {
    const { environment } = await home().createEnvironment({ name: "qa", kind: EnvironmentKind.TEST });
    expect(environment).toMatchObject({ name: "qa", kind: EnvironmentKind.TEST, home: false, createdAtMs: BigInt(here.clock.nowMs()) });
    const { environments } = await home().listEnvironments({});
    expect(environments.map(({ name }) => name)).toEqual(["production", "qa", "shop", "staging"]);
  });

  it("are alone in the world for everybody else, whether a name is taken or not", async () => {
    const shop = here.caller("shop");
    expect((await shop.listEnvironments({})).environments.map(({ name }) => name)).toEqual(["shop"]);
    for (const name of ["staging", "unheard-of"])
      expect(await reasonOf(shop.createEnvironment({ name, kind: EnvironmentKind.TEST }))).toBe("PERMISSION_DENIED");
  });

  it("tell of themselves", async () => {
    expect((await here.caller("staging").getEnvironment({})).environment).toMatchObject({ name: "staging", kind: EnvironmentKind.TEST });
    expect(await reasonOf(here.caller("unheard-of").getEnvironment({}))).toBe("NOT_FOUND");
  });

  it("have a name of their own, a kind, and a bound", async () => {
    const make = (name: string, kind: EnvironmentKind = EnvironmentKind.TEST) => home().createEnvironment({ name, kind });
    expect(await fieldsOf(make("staging"))).toEqual(["name"]);
    expect(await fieldsOf(make("Staging"))).toEqual(["name"]);
    expect(await fieldsOf(make("qa", EnvironmentKind.UNSPECIFIED))).toEqual(["kind"]);
    for (let number = 4; number <= 50; number++) await make(`e${number}`);
    expect((await problemOf(make("one-more"))).violations).toEqual([{ field: "name", description: expect.stringContaining("50") }]);
  });
});

describe("keys", () => {
  it("show their secret once, and keep it nowhere", async () => {
    const { key, credential } = await home().createKey({ environment: "staging", ...jobs });
    const secret = credential.split(".")[1] as string;
    expect(credential).toBe(`${key?.prefix}.${secret}`);
    expect(key).toMatchObject({ environment: "staging", name: "jobs", scopes: [Scope.SEND], lastUsedAtMs: 0n, revokedAtMs: 0n });
    expect(key?.prefix).toMatch(/^ck_test_/);
    const { keys } = await home().listKeys({ environment: "staging" });
    expect(keys).toEqual([key]);
    const stored = await here.store.findKey(key?.prefix as string);
    expect(Buffer.from(secret, "base64url")).toHaveLength(32);
    expect(JSON.stringify({ stored, logged: here.lines })).not.toContain(secret);
    expect(Buffer.from(stored?.hash as Uint8Array).toString("base64url")).not.toBe(secret);
  });

  it("are the caller's own environment's when none is named", async () => {
    const { key } = await here.caller("shop").createKey(jobs);
    expect(key).toMatchObject({ environment: "shop", prefix: expect.stringMatching(/^ck_live_/) });
    expect((await here.caller("shop").listKeys({})).keys).toEqual([key]);
  });

  it("of another environment are not found, and neither is what never was", async () => {
    const { key } = await here.caller("staging").createKey(jobs);
    const shop = here.caller("shop");
    for (const environment of ["staging", "production", "unheard-of"]) {
      const { reason, message } = await problemOf(shop.createKey({ environment, ...jobs }));
      expect([reason, message]).toEqual(["NOT_FOUND", `There is no environment "${environment}" that this key can see.`]);
      expect(await reasonOf(shop.listKeys({ environment }))).toBe("NOT_FOUND");
    }
    for (const prefix of [key?.prefix as string, "ck_test_0000000000000000"]) {
      expect((await problemOf(shop.rotateKey({ prefix }))).message).toBe((await problemOf(shop.revokeKey({ prefix }))).message);
      const { reason, message } = await problemOf(shop.rotateKey({ prefix }));
      expect([reason, message]).toEqual(["NOT_FOUND", `There is no key "${prefix}" that this key can see.`]);
      expect(await reasonOf(shop.revokeKey({ prefix }))).toBe("NOT_FOUND");
    }
    expect((await here.caller("staging").listKeys({})).keys).toEqual([key]);
  });

  it("are refused with the field named: no scope, a strange one, an end in the past", async () => {
    expect(await fieldsOf(home().createKey({ name: "jobs" }))).toEqual(["scopes"]);
    expect(await fieldsOf(home().createKey({ name: "jobs", scopes: [9 as Scope] }))).toEqual(["scopes[0]"]);
    expect(await fieldsOf(home().createKey({ name: "", scopes: [Scope.READ] }))).toEqual(["name"]);
    expect(await fieldsOf(home().createKey({ ...jobs, expiresAtMs: BigInt(here.clock.nowMs()) }))).toEqual(["expires_at_ms"]);
  });

  it("are rotated with an overlap: the old one ends after it, the new one is like it", async () => {
    const endsAtMs = BigInt(here.clock.nowMs() + 90 * DAY_MS);
    const { key: old } = await home().createKey({ environment: "staging", ...jobs, expiresAtMs: endsAtMs });
    const { key, credential, replaced } = await home().rotateKey({ prefix: old?.prefix as string, overlapS: 60 });
    expect(replaced).toMatchObject({ prefix: old?.prefix, expiresAtMs: BigInt(here.clock.nowMs() + 60_000) });
    expect(key).toMatchObject({ environment: "staging", name: "jobs", scopes: [Scope.SEND], expiresAtMs: endsAtMs });
    expect(key?.prefix).not.toBe(old?.prefix);
    expect(credential.startsWith(`${key?.prefix}.`)).toBe(true);
  });

  it("overlap for a day when nothing else is said, and not at all for 0", async () => {
    const rotated = async (more: { overlapS?: number }) => {
      const { key } = await home().createKey(jobs);
      return Number((await home().rotateKey({ prefix: key?.prefix as string, ...more })).replaced?.expiresAtMs) - here.clock.nowMs();
    };
    expect(await rotated({})).toBe(DAY_MS);
    expect(await rotated({ overlapS: 0 })).toBe(0);
  });

  it("that have ended are not rotated, and stay revoked since they were", async () => {
    const { key } = await home().createKey(jobs);
    const prefix = key?.prefix as string;
    const revokedAtMs = BigInt(here.clock.nowMs());
    expect((await home().revokeKey({ prefix })).key?.revokedAtMs).toBe(revokedAtMs);
    await here.clock.advance(1_000);
    expect((await home().revokeKey({ prefix })).key?.revokedAtMs).toBe(revokedAtMs);
    expect(await fieldsOf(home().rotateKey({ prefix }))).toEqual(["prefix"]);
  });

  it("that have ended are listed for 30 days", async () => {
    const { key } = await home().createKey(jobs);
    await home().revokeKey({ prefix: key?.prefix as string });
    await here.clock.advance(30 * DAY_MS);
    expect((await home().listKeys({})).keys).toHaveLength(1);
    await here.clock.advance(1);
    expect((await home().listKeys({})).keys).toEqual([]);
  });

  it("are 200 in an environment at most", async () => {
    for (let number = 0; number < 200; number++) await home().createKey({ environment: "shop", ...jobs });
    expect(await fieldsOf(home().createKey({ environment: "shop", ...jobs }))).toEqual(["environment"]);
    const [key] = (await home().listKeys({ environment: "shop" })).keys;
    expect(await fieldsOf(home().rotateKey({ prefix: key?.prefix as string }))).toEqual(["prefix"]);
    await home().revokeKey({ prefix: key?.prefix as string });
    await home().createKey({ environment: "shop", ...jobs });
  });
});
