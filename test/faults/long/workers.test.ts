/** Processes of Carillon's that are killed under load, alone in their group and beside another. */
import { expect, it } from "vitest";
import { UNDER_WAY } from "../load.ts";
import { startFaultMesh } from "../mesh.ts";
import { countOn } from "../mesh-load.ts";
import { ownEngines } from "../own-engines.ts";

const own = ownEngines(1);

it("kill -9 of the dispatcher and the email workers under load: nothing is lost, repeats stay within the promise, order holds", async () => {
  const mesh = await startFaultMesh(own(), { oneProcess: false });
  try {
    const { lost, duplicated, overtaken } = await countOn(mesh, {
      name: "kill -9 of the dispatcher, then of the email workers, at 500/s",
      ...{ perSecond: 500, allowed: UNDER_WAY },
      strike: async ({ hit, flows }) => {
        for (const name of ["dispatcher", "email-workers"]) {
          hit(() => process.kill(mesh.pidOf(name), "SIGKILL"));
          await flows(5_000);
        }
      },
    });
    expect({ lost, overtaken }).toEqual({ lost: 0, overtaken: 0 });
    expect(duplicated).toBeLessThanOrEqual(UNDER_WAY);
    expect(mesh.ended).toEqual(["dispatcher", "email-workers"].map((name) => `${name} was ended by signal 9; starting it again.`));
  } finally {
    await mesh.stop();
  }
});

const SEVERAL = ["router", "dispatcher", "email-workers"] as const;

it("two each of router, dispatcher and email workers, of which one is killed and one added: the same", async () => {
  const mesh = await startFaultMesh(own(), { oneProcess: false });
  try {
    const seconds = await Promise.all(SEVERAL.map((name) => mesh.join(name)));
    const { lost, duplicated, overtaken } = await countOn(mesh, {
      name: "kill -9 of one of two routers, dispatchers and email workers each, and another one added, at 500/s",
      ...{ perSecond: 500, allowed: UNDER_WAY },
      strike: async ({ hit, flows }) => {
        for (const [at, name] of SEVERAL.entries()) {
          hit(() => process.kill(seconds[at]?.pid as number, "SIGKILL"));
          await flows(2_500);
          await mesh.join(name);
          await flows(2_500);
        }
      },
    });
    expect({ lost, overtaken }).toEqual({ lost: 0, overtaken: 0 });
    expect(duplicated).toBeLessThanOrEqual(UNDER_WAY);
    expect(mesh.ended).toEqual([]);
  } finally {
    await mesh.stop();
  }
});
