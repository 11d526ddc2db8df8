/**
 * The event log on Kafka, by way of kafkajs. What must be minded about either is told in docs/kafka.md.
 *
 * Opening waits for the brokers, and makes the topics that are missing. Appends are acknowledged by all in-sync replicas.
 */
import { isDeepStrictEqual } from "node:util";
import type { Admin } from "kafkajs";
import kafkajs from "kafkajs";
import type { Logger } from "pino";
import { Problem } from "#domain/errors.ts";
import { RETENTION_MS, type Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import { topicsOf } from "./kafka/assigner.ts";
import { type Connection, openClient, openReadingCluster, REQUEST_MS } from "./kafka/client.ts";
import { hopeless, unavailable, within } from "./kafka/failures.ts";
import { Health } from "./kafka/health.ts";
import { GroupMember } from "./kafka/membership.ts";
import { Names } from "./kafka/names.ts";
import { Offsets } from "./kafka/offsets.ts";
import { Reader } from "./kafka/reader.ts";
import type { Message } from "./kafka/records.ts";
import { Sends } from "./kafka/sends.ts";
import { ensureTopics, WrongTopics } from "./kafka/topics.ts";
import type { EventLog } from "./log.ts";

export interface KafkaLogNeeds extends Connection {
  readonly topics: readonly Topic[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Stands before the names of the topics in Kafka. Default: nothing. */
  readonly topicPrefix?: string;
  /** Of topics that are made. Default: three where there are three brokers, else one. */
  readonly replication?: number;
  /** Of topics that are made. Default: domain/topics RETENTION_MS. */
  readonly retentionMs?: number;
  /** How long an append may take before it is refused as UNAVAILABLE, not knowing whether it landed. Default 30 s. */
  readonly appendMs?: number;
  /** What may wait to be sent; appends beyond it are refused. Default 64 MiB. */
  readonly mostQueuedBytes?: number;
  /** Gives up waiting for the brokers at the start. */
  readonly signal?: AbortSignal;
}

export interface KafkaLog extends EventLog {
  /** Whether the brokers answer, for the process's readiness. */
  health(): { ok: true } | { ok: false; why: string };
}

const APPEND_MS = 30_000;
const MOST_QUEUED_BYTES = 64 * 1024 * 1024;
/** For questions about offsets and for reading. */
const ANSWER_MS = 15_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

export async function kafkaLog(needs: KafkaLogNeeds): Promise<KafkaLog> {
  const { clock, logger, topics, topicPrefix = "", appendMs = APPEND_MS, mostQueuedBytes = MOST_QUEUED_BYTES } = needs;
  const names = new Names(topics, topicPrefix);
  const client = openClient(needs, logger);
  const admin = client.admin();
  await readied(admin, names, needs);

  const producer = client.producer({
    idempotent: false,
    allowAutoTopicCreation: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition as number,
    metadataMaxAge: 30_000,
  });
  await producer.connect();
  const send = async (topic: string, partition: number, messages: Message[]) => {
    const answers = await producer.send({ topic, messages, acks: -1, timeout: REQUEST_MS - 1_000 });
    const answer = answers.find((each) => each.topicName === topic && each.partition === partition);
    if (answer?.errorCode !== 0) throw new Error(`${topic}/${partition} was not acknowledged`);
  };
  const sends = new Sends({ names, clock, send, mostQueuedBytes, deadlineMs: appendMs });
  const offsets = new Offsets(admin, names);
  const reader = new Reader({ open: () => openReadingCluster(needs, client), names, offsets });
  const health = new Health({ admin, clock, brokers: needs.brokers, oldestAppendMs: () => sends.oldestMs });
  const members = new Set<GroupMember>();
  let epoch = 0;
  let closed: Promise<void> | undefined;

  const append: EventLog["append"] = async (outputs) => {
    if (outputs.length > 0) await sends.append(outputs);
  };
  const demandOpen = () => {
    if (closed) throw new Problem("DRAINING");
  };
  const answered = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await within(ANSWER_MS, clock, what, work());
    } catch (error) {
      throw error instanceof kafkajs.KafkaJSError ? unavailable(error) : error;
    }
  };

  return {
    async append(outputs) {
      demandOpen();
      await append(outputs);
    },

    async join(group, read, member) {
      demandOpen();
      await answered(`group ${group}`, () => refuseOthers(admin, group, read, names));
      const joining = new GroupMember({
        ...{ client, clock, logger, names, offsets, group, topics: read, member, append },
        // Between processes, as far as their clocks agree.
        nextEpoch: () => {
          epoch = Math.max(epoch + 1, clock.nowMs());
          return epoch;
        },
      });
      members.add(joining);
      await joining.join();
      return {
        settle: (outputs, positions) => joining.settle(outputs, positions),
        pause: (assignment) => joining.pause(assignment),
        resume: (assignment) => joining.resume(assignment),
        leave: async () => {
          await joining.leave();
          members.delete(joining);
        },
      };
    },

    lag: (group, read) =>
      answered(`lag of ${group}`, async () => {
        for (const member of members) if (member.group === group) await member.commit();
        const positions = await offsets.positions(group, read);
        return positions.reduce((sum, { next, end }) => sum + end - next, 0);
      }),

    read: (topic, partition, from, limit) => answered(`read ${topic.name}/${partition}`, () => reader.read(topic, partition, from, limit)),

    health: () => health.now(),

    close() {
      closed ??= (async () => {
        health.stop();
        await Promise.all([...members].map((member) => member.close()));
        await sends.quiet();
        await Promise.allSettled([producer.disconnect(), admin.disconnect(), reader.close()]);
      })();
      return closed;
    },
  };
}

/** Waits until brokers answer and all topics are there as they should be. */
async function readied(admin: Admin, names: Names, needs: KafkaLogNeeds): Promise<void> {
  const { brokers, clock, logger, signal, replication, retentionMs = RETENTION_MS } = needs;
  for (let failures = 0; ; failures++) {
    try {
      await admin.connect();
      await ensureTopics({ admin, names, brokers, replication, retentionMs });
      return;
    } catch (error) {
      const why = hopeless(error, brokers) ?? (error instanceof WrongTopics ? error.message : undefined);
      if (why !== undefined || signal?.aborted) {
        await admin.disconnect().catch(() => {});
        throw why === undefined ? new Problem("DRAINING") : new Error(why, { cause: error });
      }
      logger.warn({ brokers, error: (error as Error).message }, "waiting for Kafka");
      await clock.sleep(Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS), signal);
    }
  }
}

/** A member that reads other topics than its group would leave partitions of one or the other unread. */
async function refuseOthers(admin: Admin, group: string, topics: readonly Topic[], names: Names): Promise<void> {
  const wanted = topics.map((topic) => names.of(topic)).toSorted();
  const { groups } = await admin.describeGroups([group]);
  for (const { memberMetadata } of groups.flatMap(({ members }) => members)) {
    // A member that is just joining has told nothing yet.
    if (memberMetadata.length === 0) continue;
    const read = topicsOf(memberMetadata);
    if (!isDeepStrictEqual(read, wanted))
      throw new Error(`Members of group "${group}" read ${read.join(", ")}; one that reads ${wanted.join(", ")} needs a group of its own.`);
  }
}
