/** The topics of this installation's log: those that there always are, and the further raw ones of its settings. */
import { all, type Topic } from "#domain/topics.ts";
import type { loadConfig } from "#platform/config/config.ts";
import type { RawTopicSettings } from "#platform/config/raw-topic.ts";

export function logTopics(settings: ReturnType<typeof loadConfig>): readonly Topic[] {
  const { "raw-topics": further } = settings.get("router") as RawTopicSettings;
  return [...all, ...further.map(({ topic }) => topic)];
}
