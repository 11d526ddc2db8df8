/** The stage that keeps what other stages gave up on. A repeat finds its letter kept already. */
import * as topics from "#domain/topics.ts";
import type { DeadLetter } from "#gen/carillon/event/v1/event_pb.ts";
import type { Received, Stage } from "#platform/stage/stage.ts";
import { environmentOf, whose } from "./original.ts";
import type { DeadLetterStore, Letter } from "./store.ts";

const queues = [topics.deadNotifications, topics.deadEmail, topics.deadWeb, topics.deadEvents, topics.deadSchedule];

/** `rawEnvironment`: whose the raw topic is; undefined where only ingest writes to it. */
export const deadLettersStage = (store: DeadLetterStore, rawEnvironment: string | undefined): Stage<DeadLetter> => ({
  name: "deadletters",
  reads: queues,
  writes: [],
  deadLetters: topics.deadEvents,
  async handle(batch) {
    await store.keep(batch.records.map((received) => letterOf(received, rawEnvironment)));
    for (const received of batch.records) batch.done(received);
  },
});

const letterOf = ({ record, value }: Received<DeadLetter>, rawEnvironment: string | undefined): Letter => ({
  environment: environmentOf(value, rawEnvironment),
  id: value.id,
  queue: record.topic.name,
  ...{ stage: value.stage, reason: value.reason, detail: value.detail, topic: value.topic },
  diedAtMs: Number(value.atMs),
  ...whose(value),
  original: { key: value.key, value: value.value, headers: value.headers },
});
