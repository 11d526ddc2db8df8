import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Clock } from "#platform/clock.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import { sqliteHistoryStore } from "./store.sqlite.ts";
import { forgetting } from "./sweep.ts";

it("forgets what has been kept long enough, bite by bite, and rests when nothing is left", async () => {
  const folder = mkdtempSync(join(tmpdir(), "carillon-tracker-"));
  const database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  const store = await sqliteHistoryStore(database);
  const about = { environment: "development", event: new Uint8Array(1) };
  const old = Array.from({ length: 3_000 }, (_, n) => ({ ...about, notificationId: "old", eventId: `${n}`, atMs: 10 }));
  await store.record([...old, { ...about, notificationId: "new", eventId: "1", atMs: 500 }]);

  const stop = new AbortController();
  const rests: number[] = [];
  const clock: Clock = {
    nowMs: () => 1_000,
    async sleep(ms) {
      rests.push(ms);
      if (ms > 1_000) stop.abort();
    },
  };
  await forgetting({ store, clock, keptMs: 900 }).run(stop.signal);
  expect((await store.eventsOf("development", ["old", "new"])).map((events) => events.length)).toEqual([0, 1]);
  expect(rests.length).toBeGreaterThan(2);
  expect(rests.filter((ms) => ms > 1_000)).toHaveLength(1);

  await database.close();
  rmSync(folder, { recursive: true });
});
