/** Records on the public door that are no notifications, or too large for one. */
import kafkajs from "kafkajs";
import { expect } from "vitest";
import { raw } from "#domain/topics.ts";
import { clientsOf } from "../../world/clients.ts";
import type { Fault } from "../fault.ts";
import type { FaultMesh } from "../mesh.ts";

const EACH = 20;
const OVERSIZE = 600 * 1_024;
const QUEUE = "dlq-notifications";

const poison = (number: number): readonly kafkajs.Message[] => [
  { key: `poison-${number}`, value: Buffer.from([0xff, 0x00, number]) },
  { key: `poison-${number}`, value: '{"event_type":' },
  { key: `poison-${number}`, value: JSON.stringify({ recipients: "nobody" }) },
  { key: `poison-${number}`, value: Buffer.from("protobuf?"), headers: { "content-type": "application/x-protobuf" } },
  { key: `poison-${number}`, value: JSON.stringify({ event_type: "post.liked", user_id: "ann", data: { post: "x".repeat(OVERSIZE) } }) },
];

/** As any program may that is let to the topic. */
async function write({ engines, prefix }: FaultMesh): Promise<void> {
  const producer = new kafkajs.Kafka({ brokers: [...engines.addresses.kafka], logLevel: kafkajs.logLevel.NOTHING }).producer();
  await producer.connect();
  try {
    for (let number = 0; number < EACH; number++)
      for (const message of poison(number)) await producer.send({ topic: `${prefix}.${raw.name}`, messages: [message] });
  } finally {
    await producer.disconnect();
  }
}

const buried = async ({ url }: FaultMesh) =>
  (await clientsOf(url).deadLetters.listDeadLetters({ filter: { queue: QUEUE }, pageSize: 200 })).deadLetters.length;

export const records: readonly Fault[] = [
  {
    name: "a hundred poisoned and oversize records on notifications.raw",
    perSecond: 40,
    steps: [{ break: write }],
    proves: (mesh) => expect.poll(() => buried(mesh), { timeout: 30_000 }).toBe(EACH * poison(0).length),
  },
];
