/** One of three brokers goes away at a time, and processes of Carillon's with it. */
import kafkajs from "kafkajs";
import { expect } from "vitest";
import type { Supervised } from "../../../deploy/local/supervised.ts";
import type { Fault, Step } from "../fault.ts";
import { UNDER_WAY } from "../load.ts";
import type { FaultMesh } from "../mesh.ts";

const FROZEN_MS = 20_000;

/** Resolves when every partition has all its copies again. */
async function whenReplicated({ engines }: FaultMesh): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: [...engines.addresses.kafka], logLevel: kafkajs.logLevel.NOTHING }).admin();
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

const killed = (name: string, lasts: number, afterwards: number): Step => ({
  break: (mesh) => process.kill(mesh.pidOf(name), "SIGKILL"),
  lasts: { acknowledged: lasts },
  async heal(mesh) {
    await mesh.engines.restart(name);
    await whenReplicated(mesh);
  },
  afterwards,
});

export const brokerKilled: Fault = {
  name: "kill -9 of one broker of three at 100/s",
  perSecond: 100,
  steps: [killed("kafka-1", 1_000, 500)],
};

export const brokers: readonly Fault[] = [
  {
    name: "kill -9 of one broker of three, then of another, then SIGSTOP of the third for 20 s, at 500/s",
    perSecond: 500,
    steps: [
      killed("kafka-1", 5_000, 2_500),
      killed("kafka-2", 5_000, 2_500),
      {
        break: (mesh) => process.kill(mesh.pidOf("kafka-3"), "SIGSTOP"),
        lasts: { ms: FROZEN_MS },
        heal: (mesh) => process.kill(mesh.pidOf("kafka-3"), "SIGCONT"),
        afterwards: 5_000,
      },
    ],
  },
  {
    name: "leaders moved: each of three brokers hands over and restarts in turn, at 100/s",
    perSecond: 100,
    steps: ["kafka-1", "kafka-2", "kafka-3"].map((name) => ({
      async break(mesh) {
        await mesh.engines.restart(name);
        await whenReplicated(mesh);
      },
    })),
  },
];

const SEVERAL = ["router", "dispatcher", "email-workers"] as const;
const DIED = { repeats: UNDER_WAY, why: "sends that were unresolved at the death of their worker" };

/** Of two each one is killed, and another one added. */
function oneOfTwo(): Fault {
  const seconds = new Map<string, Supervised>();
  return {
    name: "kill -9 of one of two routers, dispatchers and email workers each, and another one added, at 500/s",
    perSecond: 500,
    allowed: DIED,
    steps: SEVERAL.map((name, at) => ({
      async break(mesh) {
        if (at === 0) for (const each of SEVERAL) seconds.set(each, await mesh.join(each));
        process.kill(seconds.get(name)?.pid as number, "SIGKILL");
      },
      lasts: { acknowledged: 2_500 },
      heal: (mesh) => mesh.join(name),
      afterwards: 2_500,
    })),
  };
}

export const workers: readonly Fault[] = [
  {
    name: "kill -9 of the dispatcher, then of the email workers, at 500/s",
    perSecond: 500,
    allowed: DIED,
    steps: ["dispatcher", "email-workers"].map((name) => ({
      break: (mesh) => process.kill(mesh.pidOf(name), "SIGKILL"),
      afterwards: 5_000,
    })),
    ends: ["dispatcher", "email-workers"].map((name) => `${name} was ended by signal 9; starting it again.`),
  },
  oneOfTwo(),
];
