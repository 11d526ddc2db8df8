/** Buries records for one stage, and tells the log once a turn how many and why: a flood of poison is one line, not a flood of lines. */
import type { Logger } from "pino";
import type { Reason } from "#domain/reasons.ts";
import type { Clock } from "#platform/clock.ts";
import type { LogRecord, Output } from "#platform/log/log.ts";
import { deadLetter } from "./bury.ts";
import type { Stage } from "./stage.ts";

interface Told {
  count: number;
  readonly first: LogRecord;
}

export class Burials {
  readonly #stage: Pick<Stage<never>, "name" | "deadLetters">;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #told = new Map<Reason, Told>();

  constructor({ stage, clock, logger }: { stage: Pick<Stage<never>, "name" | "deadLetters">; clock: Clock; logger: Logger }) {
    this.#stage = stage;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The dead letter to append. */
  bury(record: LogRecord, reason: Reason, detail: string): Output {
    if (this.#told.size === 0) queueMicrotask(() => this.#tell());
    const told = this.#told.get(reason);
    if (told) told.count++;
    else this.#told.set(reason, { count: 1, first: record });
    const { name, deadLetters } = this.#stage;
    return deadLetter(record, { stage: name, deadLetters, reason, detail, atMs: this.#clock.nowMs() });
  }

  #tell(): void {
    for (const [reason, { count, first }] of this.#told) {
      const { topic, partition, offset } = first;
      this.#logger.warn({ stage: this.#stage.name, reason, records: count, topic: topic.name, partition, offset }, "records buried");
    }
    this.#told = new Map();
  }
}
