/** Looks at a mesh from outside while it is being broken: how far its groups say that they have come, and how large its processes are. */
import { execFileSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import kafkajs from "kafkajs";
import type { Topic } from "#domain/topics.ts";
import type { FaultMesh } from "./mesh.ts";
import type { Sample } from "./passed.ts";
import { placeOf, READ, TOLD } from "./positions.ts";

export interface Watch {
  readonly samples: readonly Sample[];
  /** The largest that a process has been, MiB resident. */
  readonly mostMib: number;
  /** Looks once more. */
  stop(): Promise<void>;
}

const EVERY_MS = 500;

export function startWatch(mesh: FaultMesh): Watch {
  const samples: Sample[] = [];
  let mostMib = 0;
  let isOver = false;
  const admin = adminOf(mesh);
  const sample = async () => {
    const seen = await sampleOf(mesh, admin).catch(() => undefined);
    if (seen) samples.push(seen);
  };
  const look = async () => {
    // A broker that is gone is a fault like others.
    await admin.connect().catch(() => {});
    while (!isOver) {
      mostMib = Math.max(mostMib, largest(mesh.processes));
      await sample();
      await pause(EVERY_MS);
    }
    await sample();
    await admin.disconnect().catch(() => {});
  };
  const done = look();
  return {
    samples,
    get mostMib() {
      return mostMib;
    },
    async stop() {
      isOver = true;
      await done;
    },
  };
}

/** Records that the mesh's groups have not settled, of partitions that they have read from. */
export async function lagOf(mesh: FaultMesh): Promise<number> {
  const admin = adminOf(mesh);
  await admin.connect();
  try {
    const { groups } = await admin.listGroups();
    let lag = 0;
    for (const { groupId } of groups.filter(({ groupId }) => groupId.startsWith(`${mesh.prefix}.`))) {
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId })) {
        const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, offset }) => [partition, Number(offset)]));
        for (const { partition, offset } of partitions) lag += (ends.get(partition) ?? 0) - Math.max(0, Number(offset));
      }
    }
    return lag;
  } finally {
    await admin.disconnect();
  }
}

const adminOf = ({ engines }: FaultMesh) =>
  new kafkajs.Kafka({
    brokers: [...engines.addresses.kafka],
    logLevel: kafkajs.logLevel.NOTHING,
    ...{ connectionTimeout: 2_000, requestTimeout: 5_000, retry: { retries: 1 } },
  }).admin();

/** Positions first: whatever they passed has to be below the ends that are asked for after that. */
async function sampleOf({ prefix }: FaultMesh, admin: kafkajs.Admin): Promise<Sample> {
  const next = new Map<string, ReadonlyMap<string, number>>();
  for (const [group, read] of Object.entries(READ)) next.set(group, await committed(admin, prefix, group, read));
  const ends = new Map<string, number>();
  for (const topic of TOLD)
    for (const { partition, high } of await admin.fetchTopicOffsets(`${prefix}.${topic.name}`))
      ends.set(placeOf({ topic, partition }), Number(high));
  return { next, ends };
}

async function committed(admin: kafkajs.Admin, prefix: string, group: string, read: readonly Topic[]): Promise<Map<string, number>> {
  const found = await admin.fetchOffsets({ groupId: `${prefix}.${group}` });
  const positions = new Map<string, number>();
  for (const topic of read)
    for (const { partition, offset } of found.find((each) => each.topic === `${prefix}.${topic.name}`)?.partitions ?? [])
      positions.set(placeOf({ topic, partition }), Number(offset));
  return positions;
}

function largest(processes: FaultMesh["processes"]): number {
  const pids = processes.map(({ pid }) => pid).filter((pid) => pid > 0);
  if (pids.length === 0) return 0;
  try {
    const kib = execFileSync("ps", ["-o", "rss=", "-p", pids.join(",")], { encoding: "utf8" })
      .trim()
      .split(/\s+/)
      .map(Number);
    return Math.max(...kib) / 1_024;
  } catch {
    // None of them lives at the moment.
    return 0;
  }
}
