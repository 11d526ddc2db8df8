/**
 * Makes outcomes durable: one `settle` at a time, the next one gathering meanwhile (group commit by itself).
 *
 * Outputs go out in the order they came in and are never dropped: a settle that failed is repeated, so an output may be there twice.
 * A position covers only records whose outputs are in the same settle or an earlier one; those of a lost assignment are left out.
 */
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import type { Membership, Output, Position } from "#platform/log/log.ts";
import type { Entry, Lane } from "./lane.ts";
import type { StageMetrics } from "./metrics.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** One settle holds no more than this, except that it holds a record's outputs whole. */
const MOST_OUTPUTS = 5_000;
const MOST_BYTES = 8 * 1_024 * 1_024;

export interface SettlingNeeds<In> {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: StageMetrics;
  readonly membership: () => Membership | undefined;
  /** The outcomes of these are durable. */
  settled(entries: readonly Entry<In>[]): void;
}

export class Settling<In> {
  readonly #needs: SettlingNeeds<In>;
  readonly #stop = new AbortController();
  #gathered: Entry<In>[] = [];
  #running: Promise<void> | undefined;
  #busy: { readonly sinceMs: number; readonly records: number } | undefined;

  constructor(needs: SettlingNeeds<In>) {
    this.#needs = needs;
  }

  add(entry: Entry<In>): void {
    this.#gathered.push(entry);
    this.#running ??= this.#run();
  }

  /** The settle under way, if any: since when, and of how many records. */
  get busy(): { readonly sinceMs: number; readonly records: number } | undefined {
    return this.#busy;
  }

  /** Resolves when everything that was added is durable. */
  async empty(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Gives up repeating. */
  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    // What is added in the same turn goes along.
    await undefined;
    while (this.#gathered.length > 0 && !this.#stop.signal.aborted) {
      const entries = this.#take();
      this.#busy = { sinceMs: this.#needs.clock.nowMs(), records: entries.length };
      if (await this.#settle(entries)) this.#needs.settled(entries);
      this.#busy = undefined;
    }
    this.#running = undefined;
  }

  #take(): readonly Entry<In>[] {
    let count = 0;
    let outputs = 0;
    let bytes = 0;
    for (; count < this.#gathered.length && outputs < MOST_OUTPUTS && bytes < MOST_BYTES; count++) {
      const entry = this.#gathered[count] as Entry<In>;
      outputs += entry.outputs.length;
      for (const { value } of entry.outputs) bytes += value.byteLength;
    }
    return this.#gathered.splice(0, count);
  }

  /** False when it was stopped before it succeeded. */
  async #settle(entries: readonly Entry<In>[]): Promise<boolean> {
    const outputs: Output[] = [];
    const lanes = new Set<Lane<In>>();
    for (const { lane, ticket, outputs: own } of entries) {
      for (const output of own) outputs.push(output);
      lane.watermark.settle(ticket);
      lanes.add(lane);
    }
    const { name, clock, logger, metrics } = this.#needs;
    const moves = [...lanes]
      .filter((lane) => lane.watermark.position > lane.committed)
      .map((lane) => ({ lane, next: lane.watermark.position }));
    for (let failures = 0; ; ) {
      const held = moves.filter(({ lane }) => !lane.lost);
      if (outputs.length === 0 && held.length === 0) return true;
      try {
        await this.#needs.membership()?.settle(outputs, held.map(positionOf));
        for (const { lane, next } of held) lane.committed = next;
        return true;
      } catch (error) {
        failures++;
        metrics.failed("settle");
        logger.error({ err: error, stage: name, outputs: outputs.length, failures }, "outcomes not settled, trying again");
        await clock.sleep(Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS), this.#stop.signal);
        if (this.#stop.signal.aborted) return false;
      }
    }
  }
}

const positionOf = <In>({ lane, next }: { lane: Lane<In>; next: number }): Position => {
  const { topic, partition, epoch } = lane.assignment;
  return { topic, partition, epoch, next };
};
