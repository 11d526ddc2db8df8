/** kill -9: what was acknowledged is sent after the restart; what arrives twice was unresolved when its worker died. */
import { expect, it } from "vitest";
import { countUnder, UNDER_WAY } from "./load.ts";

it("kill -9 under load: nothing acknowledged is lost, repeats stay within the promise", { timeout: 600_000 }, async () => {
  const { lost, duplicated, allowed } = await countUnder({
    name: "kill -9 of the embedded process",
    allowed: UNDER_WAY,
    strike: async (world) => {
      await world.end("SIGKILL");
    },
  });
  expect(lost).toBe(0);
  expect(duplicated).toBeLessThanOrEqual(allowed);
});
