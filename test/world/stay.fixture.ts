/** Run by vitest.fixture.ts: starts a world, says where it is, and stays. */
import { test } from "vitest";
import { startWorld } from "./world.ts";

test("a world is there", async () => {
  const { pid, dataDir, env } = await startWorld();
  process.stdout.write(`World ${pid} in ${dataDir} as ${env.CARILLON_CASSANDRA_KEYSPACE}.\n`);
  await new Promise(() => {});
});
