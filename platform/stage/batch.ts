/** A batch as a stage holds it. What it settles goes to the runner at once; the first word on a record counts. */
import type { Reason } from "#domain/reasons.ts";
import type { Output } from "#platform/log/log.ts";
import { Entry } from "./lane.ts";
import type { Batch, Because, Received } from "./stage.ts";

/** Records that failed together, and come again together. */
export interface Group<In> {
  readonly entries: readonly Entry<In>[];
  /** How often they have failed. */
  readonly failures: number;
  /** Since when none of them was settled. */
  readonly sinceMs: number;
}

export interface Conclude<In> {
  done(entry: Entry<In>, outputs: readonly Output[]): void;
  bury(entry: Entry<In>, reason: Reason, because: Because, outputs: readonly Output[]): void;
  /** The batch waits on purpose. */
  waiting(batch: OpenBatch<In>): void;
}

export class OpenBatch<In> implements Batch<In> {
  readonly group: Group<In>;
  readonly startedMs = performance.now();
  waitingUntilMs = 0;
  /** For the watchdog: how many were open when it last looked, and since when it was that many. */
  openBefore: number;
  sinceMs: number;
  readonly #conclude: Conclude<In>;
  readonly #controller = new AbortController();

  constructor(group: Group<In>, conclude: Conclude<In>) {
    this.group = group;
    this.sinceMs = group.sinceMs;
    this.openBefore = group.entries.length;
    this.#conclude = conclude;
    for (const entry of group.entries) entry.out = true;
  }

  get records(): readonly Entry<In>[] {
    return this.group.entries;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(why: string): void {
    this.#controller.abort(new Error(why));
  }

  done(received: Received<In>, ...outputs: Output[]): void {
    this.#conclude.done(known(received), outputs);
  }

  bury(received: Received<In>, reason: Reason, detail: string | Because = "", ...outputs: Output[]): void {
    this.#conclude.bury(known(received), reason, typeof detail === "string" ? { detail } : detail, outputs);
  }

  waiting(untilMs: number): void {
    this.waitingUntilMs = untilMs;
    this.#conclude.waiting(this);
  }

  open(): Entry<In>[] {
    return this.group.entries.filter((entry) => !entry.settled);
  }
}

function known<In>(received: Received<In>): Entry<In> {
  if (received instanceof Entry) return received;
  throw new Error("done and bury take a record of the batch itself, not a copy.");
}
