/** What every adapter of the access store keeps to. */
import { beforeEach, describe, expect, it } from "vitest";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { AccessStore, EnvironmentRecord, NewKey } from "./store.ts";

const environment = (name: string, more: Partial<EnvironmentRecord> = {}): EnvironmentRecord => ({
  ...{ name, kind: EnvironmentKind.LIVE, home: false, createdAtMs: 1_000 },
  ...more,
});
const key = (prefix: string, more: Partial<NewKey> = {}): NewKey => ({
  ...{ prefix, hash: new Uint8Array(32).fill(prefix.length), environment: "production", name: "jobs", scopes: [Scope.SEND, Scope.READ] },
  ...{ createdAtMs: 1_000, expiresAtMs: 0 },
  ...more,
});

export function accessStoreSuite(name: string, open: () => Promise<AccessStore>): void {
  describe(`access store: ${name}`, () => {
    let store: AccessStore;
    beforeEach(async () => {
      store = await open();
    });
    const prefixes = async (sinceMs = 0, limit = 100) => (await store.listKeys("production", sinceMs, limit)).map(({ prefix }) => prefix);

    it("keeps environments, each name once, by name, and no more than it may", async () => {
      const test = environment("staging", { kind: EnvironmentKind.TEST });
      expect(await store.createEnvironment(test, 2)).toBe("made");
      expect(await store.createEnvironment({ ...test, kind: EnvironmentKind.LIVE }, 2)).toBe("taken");
      expect(await store.createEnvironment(environment("alpha", { home: true }), 2)).toBe("made");
      expect(await store.createEnvironment(environment("beta"), 2)).toBe("full");
      expect(await store.listEnvironments()).toEqual([environment("alpha", { home: true }), test]);
      expect(await store.findEnvironment("staging")).toEqual(test);
      expect(await store.findEnvironment("beta")).toBeUndefined();
    });

    it("makes the first key once, also when two ask at the same time", async () => {
      const home = environment("production", { home: true });
      expect((await Promise.all([store.createFirst(home, key("a")), store.createFirst(home, key("b"))])).toSorted()).toEqual([false, true]);
      expect(await store.listEnvironments()).toEqual([home]);
      const [made] = await prefixes();
      await store.revokeKey(made as string, 2_000);
      expect(await store.createFirst(home, key("c"))).toBe(false);
    });

    it("makes an environment that is there already the home of the first key", async () => {
      await store.createEnvironment(environment("production", { createdAtMs: 500 }), 10);
      expect(await store.createFirst(environment("production", { home: true }), key("a"))).toBe(true);
      expect(await store.findEnvironment("production")).toEqual(environment("production", { home: true, createdAtMs: 500 }));
    });

    it("finds a key by its prefix, as it was made", async () => {
      const made = key("a", { expiresAtMs: 9_000 });
      expect(await store.createKey(made, 10)).toBe(true);
      expect(await store.findKey("a")).toEqual({ ...made, revokedAtMs: 0, lastUsedAtMs: 0 });
      expect(await store.findKey("b")).toBeUndefined();
    });

    it("counts only keys that can be used against the bound", async () => {
      await store.createKey(key("a"), 2);
      await store.createKey(key("b", { expiresAtMs: 2_000 }), 2);
      await store.createKey(key("c", { environment: "staging" }), 2);
      expect(await store.createKey(key("d"), 2)).toBe(false);
      expect(await store.createKey(key("d", { createdAtMs: 2_000 }), 2)).toBe(true);
      expect(await store.createKey(key("e", { createdAtMs: 2_000 }), 2)).toBe(false);
      await store.revokeKey("a", 2_500);
      expect(await store.createKey(key("e", { createdAtMs: 3_000 }), 2)).toBe(true);
    });

    it("lists an environment's keys newest first, without those that ended before, and no more than asked for", async () => {
      await store.createKey(key("a", { createdAtMs: 1_000 }), 10);
      await store.createKey(key("b", { createdAtMs: 2_000, expiresAtMs: 5_000 }), 10);
      await store.createKey(key("c", { createdAtMs: 3_000 }), 10);
      await store.createKey(key("other", { environment: "staging" }), 10);
      await store.revokeKey("c", 6_000);
      expect(await prefixes()).toEqual(["c", "b", "a"]);
      expect(await prefixes(5_000)).toEqual(["c", "b", "a"]);
      expect(await prefixes(5_001)).toEqual(["c", "a"]);
      expect(await prefixes(6_001)).toEqual(["a"]);
      expect(await prefixes(0, 2)).toEqual(["c", "b"]);
    });

    it("replaces a key: the new one is there, and the old one ends, but never later than it would have", async () => {
      await store.createKey(key("a"), 10);
      await store.createKey(key("b", { expiresAtMs: 3_000 }), 10);
      expect(await store.replaceKey("a", 5_000, key("a2", { createdAtMs: 2_000 }), 10)).toBe("replaced");
      expect(await store.replaceKey("b", 5_000, key("b2", { createdAtMs: 2_000 }), 10)).toBe("replaced");
      expect((await store.findKey("a"))?.expiresAtMs).toBe(5_000);
      expect((await store.findKey("b"))?.expiresAtMs).toBe(3_000);
      expect(await store.findKey("a2")).toMatchObject({ createdAtMs: 2_000 });
    });

    it("replaces no key that has ended, or never was, and makes none then", async () => {
      await store.createKey(key("expired", { expiresAtMs: 2_000 }), 10);
      await store.createKey(key("revoked"), 10);
      await store.revokeKey("revoked", 1_500);
      for (const old of ["expired", "revoked", "unknown"])
        expect(await store.replaceKey(old, 5_000, key(`${old}-2`, { createdAtMs: 2_000 }), 10)).toBe("ended");
      expect(await prefixes()).toEqual(["revoked", "expired"]);
    });

    it("replaces beyond the bound only what leaves at once", async () => {
      await store.createKey(key("a"), 1);
      expect(await store.replaceKey("a", 5_000, key("b", { createdAtMs: 2_000 }), 1)).toBe("full");
      expect((await store.findKey("a"))?.expiresAtMs).toBe(0);
      expect(await store.replaceKey("a", 2_000, key("b", { createdAtMs: 2_000 }), 1)).toBe("replaced");
    });

    it("keeps the first time of a revocation, and the last of a use", async () => {
      await store.createKey(key("a"), 10);
      await store.revokeKey("a", 2_000);
      await store.revokeKey("a", 3_000);
      await store.touchKey("a", 5_000);
      await store.touchKey("a", 4_000);
      expect(await store.findKey("a")).toMatchObject({ revokedAtMs: 2_000, lastUsedAtMs: 5_000 });
    });
  });
}
