/** The peer of the pipeline rows: BullMQ adds jobs and processes them, with nothing in them to do, on the Redis that has the ledger. */
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

const JOBS = 20_000;
const WARM_UP = 2_000;
const BATCH = 100;
const CONCURRENCY = 100;
const NAME = "bench";

/** Jobs a second, and microseconds of this process' own processor time a job. */
export async function bullmq(redisUrl: string): Promise<{ perSecond: number; us: number }> {
  const open = () => new Redis(redisUrl, { maxRetriesPerRequest: null });
  const connections = [open(), open()] as const;
  const queue = new Queue(NAME, { connection: connections[0], defaultJobOptions: { removeOnComplete: true } });
  let completed = 0;
  const worker = new Worker(NAME, async () => void completed++, { connection: connections[1], concurrency: CONCURRENCY });
  const round = async (jobs: number) => {
    const until = completed + jobs;
    for (let added = 0; added < jobs; added += BATCH)
      await queue.addBulk(Array.from({ length: BATCH }, (_, each) => ({ name: "empty", data: { number: added + each } })));
    while (completed < until) await sleep(5);
  };
  try {
    await round(WARM_UP);
    const [cpu, beganMs] = [process.cpuUsage(), performance.now()];
    await round(JOBS);
    const { user, system } = process.cpuUsage(cpu);
    return { perSecond: JOBS / ((performance.now() - beganMs) / 1_000), us: (user + system) / JOBS };
  } finally {
    await worker.close();
    await queue.obliterate({ force: true });
    await queue.close();
    for (const connection of connections) connection.disconnect();
  }
}
