/**
 * Watches how far groups come, from outside: a position may pass a record only once its stage has settled it, and what it said is in the log.
 */
import { fromBinary } from "@bufbuild/protobuf";
import type { Topic } from "#domain/topics.ts";
import { type DeadLetter, DeadLetterSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { EventLog, LogRecord, Output, Position } from "#platform/log/log.ts";
import type { Batch, Stage } from "#platform/stage/stage.ts";
import type { Process } from "./process.ts";
import type { Report } from "./report.ts";

export class Positions {
  readonly #report: Report;
  /** By group and record, the outputs of each time that it was settled. */
  readonly #settled = new Map<string, (readonly Output[])[]>();
  readonly #durable = new WeakSet<Output>();
  /** By group and partition, what has been looked at. */
  readonly #passed = new Map<string, number>();

  /** What stages are at work on. */
  readonly open = new Set<{ readonly process: Process; readonly records: readonly LogRecord[] }>();
  /** The groups there are, and what they read. */
  readonly groups = new Map<string, readonly Topic[]>();
  readonly #appended: (outputs: readonly Output[]) => void;

  /** `appended` is told of everything that the log has taken. */
  constructor(report: Report, appended: (outputs: readonly Output[]) => void) {
    this.#report = report;
    this.#appended = appended;
  }

  /** The stage, watched when it settles. */
  stage<In>(stage: Stage<In>, process: Process): Stage<In> {
    const noted = ({ topic, partition, offset }: LogRecord, outputs: readonly Output[]) =>
      this.#note(`${stage.name} ${topic.name}/${partition}/${offset}`, outputs);
    return {
      ...stage,
      handle: async (batch) => {
        const watched: Batch<In> = {
          ...{ records: batch.records, signal: batch.signal, waiting: (untilMs) => batch.waiting(untilMs) },
          done(received, ...outputs) {
            noted(received.record, outputs);
            batch.done(received, ...outputs);
          },
          bury(received, reason, detail, ...outputs) {
            noted(received.record, outputs);
            batch.bury(received, reason, detail, ...outputs);
          },
        };
        const work = { process, records: batch.records.map(({ record }) => record) };
        this.open.add(work);
        await stage.handle(watched).finally(() => this.open.delete(work));
      },
    };
  }

  /** The log, watched where it writes. */
  watched(log: EventLog): EventLog {
    const appended = (outputs: readonly Output[]) => {
      for (const output of outputs) {
        this.#durable.add(output);
        if (output.topic.schema === DeadLetterSchema) this.#buried(fromBinary(DeadLetterSchema, output.value));
      }
      this.#appended(outputs);
    };
    return {
      ...log,
      async append(outputs) {
        await log.append(outputs);
        appended(outputs);
      },
      join: async (group, topics, member) => {
        this.groups.set(group, topics);
        const membership = await log.join(group, topics, member);
        return {
          ...membership,
          settle: async (outputs, positions) => {
            await membership.settle(outputs, positions);
            appended(outputs);
            for (const position of positions) this.#moved(group, position);
          },
        };
      },
    };
  }

  /** How far the group has come. */
  passed(group: string, { name }: Topic, partition: number): number {
    return this.#passed.get(`${group} ${name}/${partition}`) ?? 0;
  }

  /** Also what the runner gives up on without asking the stage. */
  #buried({ stage, topic, partition, offset }: DeadLetter): void {
    this.#note(`${stage} ${topic}/${partition}/${offset}`, []);
  }

  #note(record: string, outputs: readonly Output[]): void {
    this.#settled.set(record, [...(this.#settled.get(record) ?? []), outputs]);
  }

  #moved(group: string, { topic, partition, next }: Position): void {
    const place = `${group} ${topic.name}/${partition}`;
    const from = this.#passed.get(place) ?? 0;
    for (let offset = from; offset < next; offset++) {
      const times = this.#settled.get(`${place}/${offset}`) ?? [];
      if (times.some((outputs) => outputs.every((output) => this.#durable.has(output)))) continue;
      const how = times.length === 0 ? "is not settled" : "was settled with outputs that are not in the log";
      this.#report("I4: a position never passes an unfinished record", `${place} moved to ${next}, and ${offset} ${how}`);
    }
    this.#passed.set(place, Math.max(from, next));
  }
}
