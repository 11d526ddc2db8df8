/**
 * The raw topics as their readers see them: which there are, and whose a record there is.
 *
 * On a log that other programs write to, what ingest wrote proves it and belongs to the environment that its key names; everything else
 * belongs to the environment that the topic is bound to, whatever it says of itself. On a log that nobody else can write to,
 * notifications.raw is ingest's alone, and its keys say whose a record is.
 */
import { environmentOfKey } from "#domain/ids.ts";
import { raw, type Topic, topicNamed } from "#domain/topics.ts";
import { ConfigProblem, variableOf } from "#platform/config/config.ts";
import { environmentOfOthers, type RawTopicSettings } from "#platform/config/raw-topic.ts";
import type { EventLog, LogRecord } from "#platform/log/log.ts";
import { ORIGIN_HEADER, type Origin, originOf } from "./origin.ts";

export interface Owner {
  /** Undefined: nobody's. */
  readonly environment: string | undefined;
  /** Why the record is not let in; undefined: it may be. */
  readonly fault?: string;
}

export interface RawDoor {
  /** notifications.raw, then those of the configuration. */
  readonly topics: readonly (typeof raw)[];
  /** Every topic that there is, these included. */
  topicNamed(name: string): Topic | undefined;
  /** Also of a record that a dead letter holds, whose topic may be none of these any more. */
  ownerOf(record: Pick<LogRecord, "key" | "value" | "headers">, topicName: string): Owner;
}

type Open = Pick<EventLog, "isPublic">;

export function rawDoor(settings: RawTopicSettings, log: Open): RawDoor {
  const further = settings["raw-topics"];
  const origin = originOn(log, settings);
  const others = environmentOfOthers(settings);
  const boundTo = new Map([[raw.name, others], ...further.map(({ topic, environment }) => [topic.name, environment ?? others] as const)]);
  const byName = new Map(further.map(({ topic }) => [topic.name, topic]));
  return {
    topics: [raw, ...byName.values()],
    topicNamed: (name) => byName.get(name) ?? topicNamed(name),
    ownerOf({ key, value, headers }, topicName) {
      const isOursAlone = topicName === raw.name ? !log.isPublic : topicNamed(topicName) !== undefined;
      if (isOursAlone) return { environment: environmentOfKey(key) };
      const environment = boundTo.get(topicName);
      const proof = log.isPublic ? headers[ORIGIN_HEADER] : undefined;
      if (proof === undefined) return environment === undefined ? { environment, fault: CLOSED } : { environment };
      return origin?.isProven(proof, key, value) ? { environment: environmentOfKey(key) } : { environment, fault: UNPROVEN };
    },
  };
}

const CLOSED = `${ORIGIN_HEADER}: is missing, and the topic takes nothing from other programs: ${variableOf("raw-topic.environment")} is not set`;
const UNPROVEN = `${ORIGIN_HEADER}: must be left out by other programs; this one was not made for the record with this service's secret`;

/** What ingest proves its records with; undefined where it need not, since all is one environment's or nobody else writes. */
export function originOn(log: Open, settings: RawTopicSettings): Origin | undefined {
  if (!log.isPublic) return undefined;
  const secret = settings["service-secret"];
  if (secret !== undefined) return originOf(secret, settings["service-secret-other"]);
  if (settings.mode === "development" && settings["raw-topic.environment"] === undefined) return undefined;
  throw new ConfigProblem([
    `${variableOf("service-secret")} is missing: other programs can write to ${raw.name}, and by it ingest's own records are told from theirs.`,
  ]);
}
