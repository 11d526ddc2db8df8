/** The event log on Kafka, as the settings say. */
import { type KafkaLog, type KafkaLogNeeds, kafkaLog } from "#platform/log/log.kafka.ts";
import { type EngineSettings, needed } from "./engines.ts";

export function openKafka(
  settings: EngineSettings,
  needs: Pick<KafkaLogNeeds, "topics" | "clock" | "logger" | "metrics" | "signal">,
): Promise<KafkaLog> {
  const { "kafka.sasl-mechanism": mechanism, "kafka.sasl-username": username = "", "kafka.sasl-password": password = "" } = settings;
  return kafkaLog({
    ...needs,
    brokers: needed(settings, "kafka.brokers"),
    topicPrefix: settings["kafka.topic-prefix"],
    ...(settings["kafka.replication"] !== undefined && { replication: settings["kafka.replication"] }),
    tls: settings["kafka.tls"],
    ...(mechanism && { sasl: { mechanism, username, password } }),
  });
}
