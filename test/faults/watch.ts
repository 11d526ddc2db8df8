/** Looks at a mesh from outside while it is being broken: how far its groups say that they have come, and how large its processes are. */
import { execFileSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import kafkajs from "kafkajs";
import type { FaultMesh } from "./mesh.ts";

/** What a group had committed at a moment, by topic and partition as in Kafka. */
export interface Sample {
  readonly atMs: number;
  readonly next: ReadonlyMap<string, number>;
}

export interface Watch {
  /** Of the workers that send mails. */
  readonly samples: readonly Sample[];
  /** The largest that a process has been, MiB resident. */
  readonly mostMib: number;
  stop(): Promise<void>;
}

const EVERY_MS = 500;

export function startWatch(mesh: FaultMesh): Watch {
  const samples: Sample[] = [];
  let mostMib = 0;
  let isOver = false;
  const admin = adminOf(mesh);
  const look = async () => {
    // A broker that is gone is a fault like others.
    await admin.connect().catch(() => {});
    while (!isOver) {
      mostMib = Math.max(mostMib, largest(mesh.processes));
      const next = await committed(admin, `${mesh.prefix}.email-workers`).catch(() => undefined);
      if (next) samples.push({ atMs: Date.now(), next });
      await pause(EVERY_MS);
    }
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

async function committed(admin: kafkajs.Admin, groupId: string): Promise<Map<string, number>> {
  const topics = await admin.fetchOffsets({ groupId });
  return new Map(
    topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)] as const),
    ),
  );
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
