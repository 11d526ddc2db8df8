/** Three brokers, of which one is gone at a time: killed, killed another, and frozen. */
import { setTimeout as pause } from "node:timers/promises";
import kafkajs from "kafkajs";
import { expect, it } from "vitest";
import { startFaultMesh } from "../mesh.ts";
import { countOn } from "../mesh-load.ts";
import { ownEngines } from "../own-engines.ts";

const own = ownEngines(3);
const FROZEN_MS = 20_000;

/** Resolves when every partition has all its copies again. */
async function whenReplicated(brokers: readonly string[]): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const behind = async () => {
      const { topics } = await admin.fetchTopicMetadata();
      return topics.flatMap(({ partitions }) => partitions).filter(({ isr, replicas }) => isr.length < replicas.length).length;
    };
    await expect.poll(behind, { timeout: 180_000, interval: 500 }).toBe(0);
  } finally {
    await admin.disconnect();
  }
}

it("brokers of three go away in turn under 500 sends a second: nothing is lost, nothing repeats, order holds", async () => {
  const mesh = await startFaultMesh(own(), { oneProcess: false });
  try {
    const { lost, duplicated, overtaken } = await countOn(mesh, {
      name: "kill -9 of one broker of three, then of another, then SIGSTOP of the third for 20 s, at 500/s",
      ...{ perSecond: 500, allowed: 0 },
      strike: async ({ hit, flows }) => {
        for (const name of ["kafka-1", "kafka-2"]) {
          hit(() => process.kill(mesh.pidOf(name), "SIGKILL"));
          await flows(5_000);
          await mesh.engines.restart(name);
          await whenReplicated(mesh.engines.addresses.kafka);
          await flows(2_500);
        }
        hit(() => process.kill(mesh.pidOf("kafka-3"), "SIGSTOP"));
        await pause(FROZEN_MS);
        process.kill(mesh.pidOf("kafka-3"), "SIGCONT");
        await flows(5_000);
      },
    });
    expect({ lost, duplicated, overtaken }).toEqual({ lost: 0, duplicated: 0, overtaken: 0 });
    expect(mesh.ended).toEqual([]);
  } finally {
    await mesh.stop();
  }
});
