/**
 * The settings of the raw topics, the public doors of the log: whose they are, what others there are beside notifications.raw, and what
 * ingest writes there. The rooms that have to know share these very fields.
 */
import { z } from "zod";
import { furtherRaw, RAW_NAME, type Topic, topicNamed } from "#domain/topics.ts";
import type { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { variableOf } from "./config.ts";
import { list } from "./fields.ts";
import { DEVELOPMENT, mode } from "./mode.ts";
import { otherServiceSecret, serviceSecret } from "./service-secret.ts";

const ENVIRONMENT = /^[a-z][a-z0-9-]{0,31}$/;

const environment = z
  .string()
  .regex(ENVIRONMENT, { error: "must be lower-case words like development" })
  .optional()
  .meta({
    description:
      "The environment of what other programs write to the raw topics of a mesh. What ingest wrote there belongs to its own, whatever " +
      "stands here. Default: development in development mode; in production none, and notifications.raw takes nothing from others.",
  });

export interface FurtherTopic {
  readonly topic: Topic<typeof NotificationRequestedSchema>;
  /** Undefined: the one of all raw topics. */
  readonly environment: string | undefined;
}

/** "name" or "name=environment"; undefined when it is neither. */
function furtherTopic(text: string): FurtherTopic | undefined {
  const [name = "", environment, ...more] = text.split("=").map((each) => each.trim());
  const isNew = RAW_NAME.test(name) && topicNamed(name) === undefined;
  if (!isNew || more.length > 0 || (environment !== undefined && !ENVIRONMENT.test(environment))) return undefined;
  return { topic: furtherRaw(name), environment };
}

const furtherTopics = list()
  .default([])
  .transform((texts, context) =>
    texts.flatMap((text, at): FurtherTopic[] => {
      const found = furtherTopic(text);
      const twice = texts.slice(0, at).some((other) => furtherTopic(other)?.topic.name === found?.topic.name);
      if (found && !twice) return [found];
      const message = found ? `must not name ${found.topic.name} twice` : "must be new topics' names, like events or events=production";
      context.addIssue({ code: "custom", message });
      return [];
    }),
  )
  .meta({
    description:
      "Further topics that other programs write to, read as notifications.raw is: each a name, or name=environment. Such as " +
      "notification_service_notifications=production. docs/events.md has the shapes.",
  });

export const rawTopicFields = {
  mode,
  "raw-topic.environment": environment,
  "raw-topics": furtherTopics,
  "service-secret": serviceSecret,
  "service-secret-other": otherServiceSecret,
};

export type RawTopicSettings = z.output<z.ZodObject<typeof rawTopicFields>>;

/** Undefined: nobody's, so nobody else may write. */
export const environmentOfOthers = (settings: Pick<RawTopicSettings, "mode" | "raw-topic.environment">): string | undefined =>
  settings["raw-topic.environment"] ?? (settings.mode === "development" ? DEVELOPMENT : undefined);

/** For the schema of a room that reads them: a further topic is for others, so it has to be somebody's. */
export function demandOwners(settings: RawTopicSettings, context: z.core.$RefinementCtx): void {
  if (environmentOfOthers(settings) !== undefined) return;
  const [unowned] = settings["raw-topics"].filter((each) => each.environment === undefined);
  if (!unowned) return;
  const message = `must name an environment, as in ${unowned.topic.name}=production, or come with ${variableOf("raw-topic.environment")}`;
  context.addIssue({ code: "custom", path: ["raw-topics"], message });
}

export const rawTopicFormat = z
  .enum(["json", "protobuf"], { error: "must be json or protobuf" })
  .optional()
  .meta({
    description:
      "What ingest writes to notifications.raw. json can be read with any consumer, and costs more. Default: json on Kafka in " +
      "development mode, else protobuf.",
  });
