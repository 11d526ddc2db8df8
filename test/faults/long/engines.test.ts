/** Each engine is gone for a while under a light load, and comes back: everything recovers by itself. */
import { execFileSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { UNDER_WAY } from "../load.ts";
import { type FaultMesh, startFaultMesh } from "../mesh.ts";
import { countOn } from "../mesh-load.ts";
import { ownEngines } from "../own-engines.ts";

const own = ownEngines(1);
const GONE_MS = 15_000;
const MOST_MIB = 512;

/** The same for all: each engine goes and comes back in its life. */
let started: FaultMesh | undefined;
afterAll(() => started?.stop());

/** Resident memory, MiB. */
const memoryOf = (pid: number) => Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1_024;

/** A send that is unresolved when the ledger goes away is unknown once its lease is over. */
it.each([
  ["kafka-1", 0],
  ["mariadb", 0],
  ["cassandra", 0],
  ["redis-cache", 0],
  ["redis-ledger", UNDER_WAY],
])("%s is killed and gone for 15 s: no process ends, nothing acknowledged is lost, all recovers by itself", async (name, allowed) => {
  started ??= await startFaultMesh(own(), { oneProcess: false });
  const mesh = started;
  const { lost, duplicated, overtaken } = await countOn(mesh, {
    name: `${name} of the mesh gone for 15 s at 40/s`,
    ...{ perSecond: 40, allowed },
    strike: async ({ hit, flows }) => {
      hit(() => process.kill(mesh.pidOf(name), "SIGKILL"));
      await pause(GONE_MS);
      await mesh.engines.restart(name);
      await flows(400);
    },
  });
  expect({ lost, overtaken }).toEqual({ lost: 0, overtaken: 0 });
  expect(duplicated).toBeLessThanOrEqual(allowed);
  expect(mesh.ended).toEqual([]);
  const tooLarge = mesh.processes.filter(({ pid }) => memoryOf(pid) > MOST_MIB);
  expect(tooLarge).toEqual([]);
});
