/**
 * Buries records for one stage, and tells the log once a turn how many and why: a flood of poison is one line, not a flood of lines.
 *
 * What the runner gives up on by itself takes along what the stage has to say of it.
 */
import type { Logger } from "pino";
import type { Reason } from "#domain/reasons.ts";
import type { Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import type { LogRecord, Output } from "#platform/log/log.ts";
import { deadLetter } from "./bury.ts";
import { carriedOn, oversize } from "./outputs.ts";
import type { Because, Stage } from "./stage.ts";

interface Told {
  count: number;
  readonly first: LogRecord;
}

export interface BurialsNeeds<In> {
  readonly stage: Pick<Stage<In>, "name" | "deadLetters" | "givenUp">;
  readonly writes: ReadonlySet<Topic>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Burials<In> {
  readonly #stage: BurialsNeeds<In>["stage"];
  readonly #writes: ReadonlySet<Topic>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #told = new Map<Reason, Told>();

  constructor({ stage, writes, clock, logger }: BurialsNeeds<In>) {
    this.#stage = stage;
    this.#writes = writes;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The dead letter to append. */
  bury(record: LogRecord, reason: Reason, because: Because): Output {
    if (this.#told.size === 0) queueMicrotask(() => this.#tell());
    const told = this.#told.get(reason);
    if (told) told.count++;
    else this.#told.set(reason, { count: 1, first: record });
    const { name, deadLetters } = this.#stage;
    return deadLetter(record, { stage: name, deadLetters, reason, ...because, atMs: this.#clock.nowMs() });
  }

  /** What goes along with a record that the runner gives up on; nothing where the stage cannot say it. */
  alongside(record: LogRecord, value: In | undefined, reason: Reason, detail: string): readonly Output[] {
    try {
      const outputs = carriedOn(undefined, this.#stage.givenUp?.(record, value, reason, detail) ?? [], this.#writes);
      const tooLarge = oversize(outputs);
      if (tooLarge !== undefined) throw new Error(tooLarge);
      return outputs;
    } catch (error) {
      const { topic, partition, offset } = record;
      const where = { topic: topic.name, partition, offset };
      this.#logger.error({ err: error, stage: this.#stage.name, reason, ...where }, "a record is buried without what the stage has to say");
      return [];
    }
  }

  #tell(): void {
    for (const [reason, { count, first }] of this.#told) {
      const { topic, partition, offset } = first;
      this.#logger.warn({ stage: this.#stage.name, reason, records: count, topic: topic.name, partition, offset }, "records buried");
    }
    this.#told = new Map();
  }
}
