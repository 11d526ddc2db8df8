/** A place to try stages in: a log in memory, a clock that the test moves, a logger and metrics that can be read. */
import { pino } from "pino";
import { Registry } from "prom-client";
import type { Topic } from "#domain/topics.ts";
import { memoryLog } from "#platform/log/log.memory.ts";
import type { EventLog, LogRecord } from "#platform/log/log.ts";
import { type RunningStage, runStage } from "#platform/stage/runner.ts";
import type { Stage } from "#platform/stage/stage.ts";
import { fakeClock } from "./clock.ts";

export interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export const text = (value: Uint8Array): string => new TextDecoder().decode(value);
export const bytes = (words: string): Uint8Array => new TextEncoder().encode(words);

export function trial(topics: readonly Topic[]) {
  const clock = fakeClock();
  const log = memoryLog({ topics, clock });
  const metrics = new Registry();
  const lines: Line[] = [];
  const logger = pino({ level: "trace" }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const running: RunningStage[] = [];
  return {
    ...{ clock, log, metrics, lines, logger },
    /** Appends one record per word, all with the key. */
    put: (topic: Topic, key: string, ...words: string[]) => log.append(words.map((word) => ({ topic, key, value: bytes(word) }))),
    async run<In>(stage: Stage<In>, on: EventLog = log): Promise<RunningStage> {
      const stageRunning = await runStage({ stage, log: on, clock, logger, metrics });
      running.push(stageRunning);
      return stageRunning;
    },
    /** Everything in a topic, partition by partition. */
    async records(topic: Topic): Promise<LogRecord[]> {
      const found: LogRecord[] = [];
      for (let partition = 0; partition < topic.partitions; partition++) found.push(...(await log.read(topic, partition, 0, 1_000_000)));
      return found;
    },
    async texts(topic: Topic): Promise<string[]> {
      return (await this.records(topic)).map(({ value }) => text(value));
    },
    async metric(name: string): Promise<Record<string, number>> {
      const values = (await metrics.getSingleMetric(name)?.get())?.values ?? [];
      return Object.fromEntries(values.map(({ labels, value }) => [Object.values(labels).join(" "), value]));
    },
    async end(): Promise<void> {
      const drained = Promise.all(running.map((each) => each.drain(0)));
      await clock.advance(1_000);
      await drained;
      await log.close();
    },
  };
}

export type Trial = ReturnType<typeof trial>;
