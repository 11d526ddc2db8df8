/** One broker of three is killed under load. The longer story, and what else may end, is in long/. */
import { expect, it } from "vitest";
import { startFaultMesh } from "./mesh.ts";
import { countOn } from "./mesh-load.ts";
import { skipWhereMissing } from "./missing.ts";

it("kill -9 of a broker of three under load: nothing acknowledged is lost, nothing repeats, order holds", {
  timeout: 600_000,
}, async (context) => {
  const mesh = await startFaultMesh({ brokers: 3, oneProcess: true }).catch(skipWhereMissing(context));
  try {
    const { lost, duplicated, overtaken } = await countOn(mesh, {
      name: "kill -9 of one broker of three at 100/s, Carillon in one process",
      ...{ perSecond: 100, allowed: 0 },
      strike: async ({ hit, flows }) => {
        hit(() => process.kill(mesh.pidOf("kafka-1"), "SIGKILL"));
        await flows(1_000);
        await mesh.engines.restart("kafka-1");
        await flows(500);
      },
    });
    expect({ lost, duplicated, overtaken }).toEqual({ lost: 0, duplicated: 0, overtaken: 0 });
    expect(mesh.ended).toEqual([]);
  } finally {
    await mesh.stop();
  }
});
