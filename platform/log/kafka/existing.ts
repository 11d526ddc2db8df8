/**
 * The settings of topics that somebody else made, or an older release: what cannot work is refused, what is weaker than the promise is said.
 * They are left as they are; they are the operator's.
 */
import type { Admin } from "kafkajs";
import type { Topic } from "#domain/topics.ts";
import type { Names } from "./names.ts";
import { mostRecordBytes } from "./record-bytes.ts";

/** What is wrong for good, in one sentence. */
export class WrongTopics extends Error {}

export interface ExistingTopics {
  readonly admin: Admin;
  readonly names: Names;
  readonly topics: readonly Topic[];
  /** What this log gives to topics that it makes. */
  readonly wanted: { readonly replicas: number; readonly inSync: number; readonly retentionMs: number };
  readonly replicasOf: ReadonlyMap<Topic, number>;
}

const LOOKED_AT = ["max.message.bytes", "cleanup.policy", "min.insync.replicas", "retention.ms"] as const;
type Settings = ReadonlyMap<string, string>;
/** Kafka's numbers of kinds of resources; that of the library is not an object at run time. */
const TOPIC = 2;
const FOREVER = -1;

/** Answers a sentence for each weakness; throws WrongTopics for what cannot work. */
export async function lookAt({ admin, names, topics, wanted, replicasOf }: ExistingTopics): Promise<readonly string[]> {
  if (topics.length === 0) return [];
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map((topic) => ({ type: TOPIC, name: names.of(topic), configNames: [...LOOKED_AT] })),
  });
  const settingsOf = new Map(
    resources.map((each) => [each.resourceName, new Map(each.configEntries.map((entry) => [entry.configName, entry.configValue]))]),
  );
  return topics.flatMap((topic) => {
    const name = names.of(topic);
    const settings = settingsOf.get(name) ?? new Map<string, string>();
    refuse(name, settings, mostRecordBytes(topic));
    return weaknesses(name, settings, wanted, replicasOf.get(topic) as number);
  });
}

function refuse(name: string, settings: Settings, bytes: number): void {
  const most = settings.get("max.message.bytes");
  if (most !== undefined && Number(most) < bytes)
    throw new WrongTopics(
      `Kafka's topic "${name}" takes records of ${most} bytes, and must take ${bytes}: kafka-configs --alter --entity-type topics ` +
        `--entity-name ${name} --add-config max.message.bytes=${bytes}`,
    );
  const policy = settings.get("cleanup.policy");
  if (policy?.includes("compact"))
    throw new WrongTopics(
      `Kafka's topic "${name}" is compacted (cleanup.policy=${policy}), so of each person only the last record would be kept: ` +
        `kafka-configs --alter --entity-type topics --entity-name ${name} --add-config cleanup.policy=delete`,
    );
}

function weaknesses(name: string, settings: Settings, wanted: ExistingTopics["wanted"], replicas: number): string[] {
  const inSync = Number(settings.get("min.insync.replicas") ?? wanted.inSync);
  const keptMs = Number(settings.get("retention.ms") ?? FOREVER);
  const isForgotten = keptMs !== FOREVER && (wanted.retentionMs === FOREVER || keptMs < wanted.retentionMs);
  return [
    ...(replicas < wanted.replicas
      ? [`topic ${name} has ${replicas} of ${wanted.replicas} replicas: the loss of a broker can lose it`]
      : []),
    ...(inSync < wanted.inSync ? [`topic ${name} acknowledges with min.insync.replicas=${inSync}, not ${wanted.inSync}`] : []),
    ...(isForgotten ? [`topic ${name} keeps records for ${keptMs} ms, not ${wanted.retentionMs}: what waits longer is lost`] : []),
  ];
}
