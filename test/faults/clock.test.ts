/**
 * The machine's clock is set back an hour, and forward again, under load: nothing is lost and nothing is sent twice. What waits in the
 * schedule when it is set back waits that hour longer, or until the clock is right again, as it is at the end.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import type { World } from "../world/world.ts";
import { countUnder } from "./load.ts";

const HOUR_MS = 3_600_000;
const folder = mkdtempSync(join(tmpdir(), "carillon-clock-"));
const file = join(folder, "offset");
writeFileSync(file, "0");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** By the clock of the process. */
async function acceptedAtMs({ url }: World): Promise<number> {
  const { acceptedAt } = await clientsOf(url).ingest.send({
    recipients: [{ userId: "ann" }],
    channels: [Channel.WEB],
    content: { title: "Now" },
  });
  return Number(acceptedAt?.seconds) * 1_000;
}

it("a clock set back an hour and forward again under load: nothing is lost, nothing repeats", { timeout: 600_000 }, async () => {
  const offsets = [-HOUR_MS, 0, -HOUR_MS];
  const { lost, duplicated } = await countUnder({
    name: "clock of the machine set back an hour, or forward again",
    allowed: 0,
    heal: () => writeFileSync(file, "0"),
    env: { NODE_OPTIONS: `--import=${new URL("./moved-clock.mjs", import.meta.url)}`, TEST_CLOCK_OFFSET_FILE: file },
    strike: async (world) => {
      const offsetMs = offsets.shift() as number;
      writeFileSync(file, String(offsetMs));
      const behindMs = async () => Math.round((await acceptedAtMs(world)) - Date.now() - offsetMs);
      await expect.poll(behindMs).toBeGreaterThan(-60_000);
      expect(await behindMs()).toBeLessThan(60_000);
    },
  });
  expect(offsets).toEqual([]);
  expect(lost).toBe(0);
  expect(duplicated).toBe(0);
});
