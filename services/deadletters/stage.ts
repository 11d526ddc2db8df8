/** The stage that keeps what other stages gave up on. A repeat finds its letter kept already. */
import * as topics from "#domain/topics.ts";
import type { DeadLetter } from "#gen/carillon/event/v1/event_pb.ts";
import type { RawDoor } from "#platform/raw/door.ts";
import type { Received, Stage } from "#platform/stage/stage.ts";
import { environmentOf, whose } from "./original.ts";
import type { DeadLetterStore, Letter } from "./store.ts";

/** The topics that hold dead letters. */
export const queues = [topics.deadNotifications, topics.deadEmail, topics.deadWeb, topics.deadEvents, topics.deadSchedule];

export const deadLettersStage = (store: DeadLetterStore, door: RawDoor): Stage<DeadLetter> => ({
  name: "deadletters",
  reads: queues,
  writes: [],
  deadLetters: topics.deadEvents,
  async handle(batch) {
    await store.keep(batch.records.map((received) => letterOf(received, door)));
    for (const received of batch.records) batch.done(received);
  },
});

const letterOf = ({ record, value }: Received<DeadLetter>, door: RawDoor): Letter => ({
  environment: environmentOf(value, door),
  id: value.id,
  queue: record.topic.name,
  ...{ stage: value.stage, reason: value.reason, detail: value.detail, topic: value.topic },
  diedAtMs: Number(value.atMs),
  ...whose(value, door),
  original: { key: value.key, value: value.value, headers: value.headers },
  writtenAtMs: Number(value.writtenAtMs),
  way: value.way,
});
