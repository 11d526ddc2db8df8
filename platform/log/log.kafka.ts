/**
 * The event log on Kafka, by way of kafkajs. What must be minded about either is told in docs/kafka.md.
 *
 * Opening waits for the brokers, and makes the topics that are missing. Appends are acknowledged by all in-sync replicas.
 */
import type { Kafka } from "kafkajs";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { Problem } from "#domain/errors.ts";
import { RETENTION_MS, type Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import { EngineRefusal } from "#platform/engines/refusal.ts";
import type { Readiness } from "#platform/telemetry/health.ts";
import { Asking } from "./kafka/asking.ts";
import { topicsOf } from "./kafka/assigner.ts";
import { type Connection, openClient, openOwnCluster } from "./kafka/client.ts";
import { WrongTopics } from "./kafka/existing.ts";
import { atMost, hopeless } from "./kafka/failures.ts";
import { Health } from "./kafka/health.ts";
import { GroupMember } from "./kafka/membership.ts";
import { Names } from "./kafka/names.ts";
import { Offsets } from "./kafka/offsets.ts";
import { Producing } from "./kafka/producing.ts";
import { readRange } from "./kafka/reader.ts";
import { Sends } from "./kafka/sends.ts";
import { ensureTopics } from "./kafka/topics.ts";
import type { EventLog } from "./log.ts";

export interface KafkaLogNeeds extends Connection {
  readonly topics: readonly Topic[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** What partitions without a leader are counted on. Default: nothing. */
  readonly metrics?: Registry;
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
  /** Whether the brokers answer, for the process's readiness; `why` also names what is at fault while it is ready. */
  health(): Readiness;
}

const APPEND_MS = 30_000;
const MOST_QUEUED_BYTES = 64 * 1024 * 1024;
const CLOSE_MS = 5_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

export async function kafkaLog(needs: KafkaLogNeeds): Promise<KafkaLog> {
  const { clock, logger, topics, topicPrefix = "", appendMs = APPEND_MS, mostQueuedBytes = MOST_QUEUED_BYTES } = needs;
  const names = new Names(topics, topicPrefix);
  const client = openClient(needs, logger);
  await readied(client, names, needs);

  const partitions = new Map(topics.map((topic) => [names.of(topic), topic.partitions]));
  const asked = { open: () => openOwnCluster(needs, client), clock, topics: partitions };
  const [producing, asking] = [new Producing(asked), new Asking(asked)];
  const sends = new Sends({ names, clock, send: (parcel) => producing.send(parcel), mostQueuedBytes, deadlineMs: appendMs });
  const offsets = new Offsets(asking, names);
  const health = new Health({
    ...{ asking, clock, logger, metrics: needs.metrics, brokers: needs.brokers, topics: partitions },
    oldestAppendMs: () => sends.oldestMs,
  });
  const members = new Set<GroupMember>();
  let epoch = 0;
  let closed: Promise<void> | undefined;

  const append: EventLog["append"] = async (outputs) => {
    if (outputs.length > 0) await sends.append(outputs);
  };
  const demandOpen = () => {
    if (closed) throw new Problem("DRAINING");
  };
  /** However long a cluster takes that has just begun, and has no coordinator yet: whoever joins is about to start. */
  const refused = async (group: string, read: readonly Topic[]): Promise<void> => {
    for (;;) {
      demandOpen();
      try {
        await refuseOthers(asking, names, group, read);
        return;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        logger.warn({ group, error: (error.cause as Error).message }, "waiting for the coordinator of a group");
      }
    }
  };
  return {
    isPublic: true,
    async append(outputs) {
      demandOpen();
      await append(outputs);
    },

    async join(group, read, member) {
      await refused(group, read);
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
      try {
        // Another that joined in the same moment, with other topics, was taken in, and this one was given nothing.
        if (joining.holdsNothing) await refused(group, read);
      } catch (error) {
        members.delete(joining);
        await joining.close();
        throw error;
      }
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

    async lag(group, read) {
      for (const member of members) if (member.group === group) await member.commit();
      const places = await offsets.places(group, read);
      return places.reduce((sum, { next, end }) => sum + end - next, 0);
    },

    bounds: (topic, partition) => offsets.bounds(topic, partition),

    read: (topic, partition, from, limit) => readRange({ asking, offsets, names }, { topic, partition, from, limit }),

    health: () => health.now(),

    close() {
      closed ??= (async () => {
        health.stop();
        await Promise.all([...members].map((member) => member.close()));
        await sends.quiet();
        // Kafkajs waits for the answers of a broker that froze, for ever.
        await atMost(CLOSE_MS, clock, Promise.allSettled([producing.close(), asking.close()]));
      })();
      return closed;
    },
  };
}

/** Waits until brokers answer and all topics are there as they should be. */
async function readied(client: Kafka, names: Names, needs: KafkaLogNeeds): Promise<void> {
  const { brokers, clock, logger, signal, replication, retentionMs = RETENTION_MS } = needs;
  for (let failures = 0; ; failures++) {
    const admin = client.admin();
    try {
      await admin.connect();
      const weaknesses = await ensureTopics({ admin, names, brokers, replication, retentionMs });
      for (const weakness of weaknesses) logger.warn(`Kafka's ${weakness}`);
      return;
    } catch (error) {
      const why = error instanceof WrongTopics ? error.message : hopeless(error, brokers);
      if (why !== undefined) throw new EngineRefusal(why, { cause: error });
      if (signal?.aborted) throw new Problem("DRAINING");
      logger.warn({ brokers, error: (error as Error).message }, "waiting for Kafka");
      await clock.sleep(Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS), signal);
    } finally {
      await atMost(CLOSE_MS, clock, admin.disconnect());
    }
  }
}

/** A member that reads other topics than its group would leave partitions of one or the other unread. */
async function refuseOthers(asking: Asking, names: Names, group: string, topics: readonly Topic[]): Promise<void> {
  const wanted = topics.map((topic) => names.of(topic)).toSorted();
  const members = await asking.ask(`who is in ${group}`, async (cluster) => {
    const coordinator = await cluster.findGroupCoordinator({ groupId: group });
    return (await coordinator.describeGroups({ groupIds: [group] })).groups.flatMap((each) => each.members);
  });
  for (const { memberMetadata } of members) {
    // A member that is just joining has told nothing yet.
    const read = memberMetadata.length === 0 ? wanted : topicsOf(memberMetadata);
    if (read.join() !== wanted.join())
      throw new Error(`Members of group "${group}" read ${read.join(", ")}; one that reads ${wanted.join(", ")} needs a group of its own.`);
  }
}
