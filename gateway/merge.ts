/**
 * The order of one connection's messages: what was read after the cursor and what came live, each once, by seq, without a gap.
 *
 * Pure. A live message right after the last one passes; an earlier one is a repeat; a later one shows a hole, which a re-read fills.
 * One of another epoch tells nothing by itself, for it may be a belated one of an inbox that is gone: the re-read knows.
 */
import type { Cursor } from "#domain/cursor.ts";

export class Merge {
  #last: Cursor;

  constructor(from: Cursor) {
    this.#last = from;
  }

  get last(): Cursor {
    return this.#last;
  }

  /** next: send it. repeat: it was sent. hole: read again from `last`. */
  judge(at: Cursor): "next" | "repeat" | "hole" {
    if (at.epoch !== this.#last.epoch) return "hole";
    if (at.seq <= this.#last.seq) return "repeat";
    return at.seq === this.#last.seq + 1 ? "next" : "hole";
  }

  /** A message goes out; after a re-read also one behind a hole that nothing fills. */
  advance(at: Cursor): void {
    this.#last = at;
  }
}
