/**
 * Power loss: the process is killed, and of the database's write-ahead log only that is left which was there when the last acknowledgement
 * or mail was seen. What the service had not synced by then may be gone after a real one; here it is gone. (That it syncs where it has to
 * is tested with the transactions of platform/sqlite.)
 */
import { expect, it } from "vitest";
import { countUnder, UNDER_WAY } from "./load.ts";
import { WrittenAhead } from "./written-ahead.ts";

it("power loss under load: nothing acknowledged is lost, repeats stay within the promise", { timeout: 600_000 }, async () => {
  const ahead = new WrittenAhead();
  let cut = 0;
  const { lost, duplicated, allowed } = await countUnder({
    name: "power loss of the embedded process",
    allowed: UNDER_WAY,
    witnessed: (dataDir) => ahead.look(dataDir),
    strike: async (world) => {
      await expect.poll(() => ahead.isAhead(world.dataDir), { timeout: 60_000, interval: 1 }).toBe(true);
      await world.end("SIGKILL");
      cut += ahead.loseTheRest(world.dataDir);
    },
  });
  expect(cut).toBeGreaterThan(0);
  expect(lost).toBe(0);
  expect(duplicated).toBeLessThanOrEqual(allowed);
});
