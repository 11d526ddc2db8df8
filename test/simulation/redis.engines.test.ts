import fc from "fast-check";
import { expect, it } from "vitest";
import { openRedis, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { runScripts } from "#platform/redis/script.ts";
import { Keys, meanings, scripts } from "./redis.ts";

const token = fc.constantFrom("one", "other");
const step = fc.oneof(
  fc.record({ does: fc.constant("claim" as const), token }),
  fc.record({ does: fc.constant("reach" as const), token, place: fc.constantFrom("first", "second") }),
  fc.record({ does: fc.constant("end" as const), token, run: fc.constantFrom("", "a run") }),
  fc.constant({ does: "runs out" as const }),
  fc.constant({ does: "loses everything" as const }),
);
const FOR_MS = 60_000;

it("what stands in for the restorer's scripts answers as they do on Redis, and leaves the same", async () => {
  const { redis, ...connection } = await openRedis();
  const prefix = ownPrefix({ redis, ...connection });
  const names = ["claim", "place", "sentinel"].map((name) => `${prefix}{x}:${name}`);
  const [claim = ""] = names;
  const textOf = (reply: unknown): unknown =>
    reply instanceof Uint8Array ? String(reply) : Array.isArray(reply) ? reply.map(textOf) : reply;

  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      await redis.del(names);
      let keys = new Keys(() => 0);
      const both = async (does: "claim" | "reach" | "end", ...args: readonly (string | number)[]) => {
        const [answer] = await runScripts(redis, [{ script: scripts[does], keys: names, args }]);
        expect(textOf(answer)).toEqual(meanings[does](keys, names, args.map(String)));
      };
      for (const each of steps) {
        if (each.does === "claim") await both("claim", each.token, FOR_MS);
        if (each.does === "reach") await both("reach", each.token, FOR_MS, each.place, FOR_MS);
        if (each.does === "end") await both("end", each.token, each.run);
        if (each.does === "runs out") {
          await redis.del(claim);
          keys.delete(claim);
        }
        if (each.does === "loses everything") {
          await redis.del(names);
          keys = new Keys(() => 0);
        }
        expect(await redis.mget(names)).toEqual(names.map((name) => keys.get(name)));
      }
    }),
  );
});
