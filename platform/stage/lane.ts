/**
 * One assignment as the runner holds it: records waiting in offset order, those under way, and the order of each key among them.
 *
 * Whatever order records are settled in, their outcomes leave the lane in record order per key. A key with a record that failed hands out
 * no further records until that one is settled; with `oneInFlightPerKey` a key never has two out at once. Once the assignment is lost,
 * outcomes leave at once: somebody else has the records now, but what was done here must still be told.
 */
import type { Way } from "#domain/way.ts";
import type { Assignment, LogRecord, Output } from "#platform/log/log.ts";
import type { Span } from "#platform/telemetry/trace.ts";
import type { Tally } from "./metrics.ts";
import type { Received } from "./stage.ts";
import { Watermark } from "./watermark.ts";

/** How far, and over how much, a lane looks past held records for one that may be handed out. */
const LOOK_AHEAD = 5_000;
const LOOK_AHEAD_BYTES = 4 * 1_024 * 1_024;

/** A record under way. */
export class Entry<In = unknown> implements Received<In> {
  readonly record: LogRecord;
  readonly lane: Lane<In>;
  readonly ticket: number;
  readonly line: Line<In>;
  /** Set when the record is handed out for the first time. */
  value: In = undefined as In;
  traceparent: string | undefined = undefined;
  span: Span | undefined = undefined;
  outputs: readonly Output[] = [];
  settled = false;
  /** Counts in the window: handed out, and its outcome not yet durable. */
  counted = false;
  /** In a batch whose `handle` is running. */
  out = false;
  failed = false;
  /** Handed out in a batch of its own from now on. */
  suspect = false;
  /** How often it failed in a batch of its own, for reasons that are not known to pass. */
  failedAlone = 0;
  /** What it failed on. */
  way: Way | undefined = undefined;
  /** The next record of the same key. */
  behind: Entry<In> | undefined = undefined;

  constructor(record: LogRecord, lane: Lane<In>, ticket: number, line: Line<In>) {
    this.record = record;
    this.lane = lane;
    this.ticket = ticket;
    this.line = line;
  }
}

/** The records of one key that have been taken and whose outcomes have not left, in record order. */
class Line<In> {
  first: Entry<In> | undefined = undefined;
  last: Entry<In> | undefined = undefined;
  /** How many of them have failed and are not settled. */
  failed = 0;
  /** Those not to be handed out yet. */
  held: Entry<In>[] | undefined = undefined;
}

/** What a lane tells its runner. */
export interface LaneEvents<In> {
  /** The outcome's turn has come. */
  outcome(entry: Entry<In>): void;
  /** A suspect may be handed out now. */
  suspect(entry: Entry<In>): void;
  /** There is something to take again. */
  ready(lane: Lane<In>): void;
}

export class Lane<In = unknown> {
  readonly assignment: Assignment;
  readonly watermark: Watermark;
  /** What happened to its topic's records since the metrics were last told. */
  readonly tally: Tally;
  lost = false;
  paused = false;
  /** The position that the log knows. */
  committed: number;
  /** Bytes of the values that wait. */
  waitingBytes = 0;
  /** Kept by the window: how many of its records count there. */
  inFlight = 0;
  /** Kept by Turns: whether the lane is in the round. */
  inRound = false;
  readonly #oneInFlightPerKey: boolean;
  readonly #events: LaneEvents<In>;
  readonly #lines = new Map<string, Line<In>>();
  #waiting: LogRecord[] = [];
  #head = 0;
  #ready: Entry<In>[] = [];
  /** What the held entries weigh. */
  #heldBytes = 0;

  constructor(assignment: Assignment, needs: { oneInFlightPerKey: boolean; events: LaneEvents<In>; tally: Tally }) {
    this.assignment = assignment;
    this.watermark = new Watermark(assignment.position);
    this.committed = assignment.position;
    this.tally = needs.tally;
    this.#oneInFlightPerKey = needs.oneInFlightPerKey;
    this.#events = needs.events;
  }

  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  push(records: readonly LogRecord[]): void {
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    }
    for (const record of records) {
      this.#waiting.push(record);
      this.waitingBytes += record.value.byteLength;
    }
  }

  /** When the oldest record came that is here and not settled. */
  get oldestMs(): number | undefined {
    let oldestMs = this.#waiting[this.#head]?.timeMs;
    for (const { first } of this.#lines.values()) if (first) oldestMs = Math.min(first.record.timeMs, oldestMs ?? Number.POSITIVE_INFINITY);
    return oldestMs;
  }

  get hasMore(): boolean {
    return this.#ready.length > 0 || this.#head < this.#waiting.length;
  }

  /** The next record to hand out; at most `span` are taken beyond the watermark, and more only to look past those that are held. */
  take(span: number): Entry<In> | undefined {
    for (let entry = this.#ready.shift(); entry; entry = this.#ready.shift()) if (!entry.settled) return entry;
    while (this.#head < this.#waiting.length && (this.watermark.span < span || this.#mayLookFurther())) {
      const record = this.#waiting[this.#head] as LogRecord;
      this.#head++;
      this.waitingBytes -= record.value.byteLength;
      const entry = this.#enter(record);
      const { line } = entry;
      if (line.first === entry || (line.failed === 0 && !this.#oneInFlightPerKey)) return entry;
      this.hold(entry);
    }
    return undefined;
  }

  /** A key with a thousand records in front must not keep the others of its partition waiting. */
  #mayLookFurther(): boolean {
    return this.#heldBytes > 0 && this.#heldBytes < LOOK_AHEAD_BYTES && this.watermark.span < LOOK_AHEAD;
  }

  #enter(record: LogRecord): Entry<In> {
    const known = this.#lines.get(record.key);
    const line = known ?? new Line<In>();
    const entry = new Entry(record, this, this.watermark.take(record.offset), line);
    if (line.last) line.last.behind = entry;
    else line.first = entry;
    line.last = entry;
    if (!known) this.#lines.set(record.key, line);
    return entry;
  }

  /** Keeps an entry back until what stands before it in its line is settled. */
  hold(entry: Entry<In>): void {
    const { line } = entry;
    const held = line.held ?? [];
    line.held = held;
    const place = held.findIndex((each) => each.ticket > entry.ticket);
    if (place < 0) held.push(entry);
    else held.splice(place, 0, entry);
    this.#heldBytes += weightOf(entry);
  }

  isFirst(entry: Entry<In>): boolean {
    return entry.line.first === entry;
  }

  fail(entry: Entry<In>): void {
    if (!entry.failed) entry.line.failed++;
    entry.failed = true;
  }

  settle(entry: Entry<In>, outputs: readonly Output[]): void {
    entry.settled = true;
    entry.outputs = outputs;
    if (this.lost) {
      this.#events.outcome(entry);
      return;
    }
    const { line } = entry;
    if (entry.failed) line.failed--;
    if (line.first === entry) this.#advance(line, entry.record.key);
    if (line.held) this.#free(line);
  }

  #advance(line: Line<In>, key: string): void {
    let entry = line.first;
    for (; entry?.settled; entry = entry.behind) this.#events.outcome(entry);
    line.first = entry;
    if (!entry) {
      line.last = undefined;
      this.#lines.delete(key);
    }
  }

  #free(line: Line<In>): void {
    const held = line.held as Entry<In>[];
    for (let next = held[0]; next; next = held[0]) {
      const may = next.settled || next === line.first || (line.failed === 0 && !this.#oneInFlightPerKey);
      if (!may) return;
      held.shift();
      this.#heldBytes -= weightOf(next);
      if (next.settled) continue;
      if (next.suspect) {
        this.#events.suspect(next);
      } else {
        this.#ready.push(next);
        this.#events.ready(this);
      }
    }
    line.held = undefined;
  }

  /** Lets go of the outcomes that wait for an earlier one of their key, in order. */
  release(): void {
    for (const { first } of this.#lines.values())
      for (let entry = first; entry; entry = entry.behind) if (entry.settled) this.#events.outcome(entry);
    this.#lines.clear();
  }

  /** The assignment is gone. Answers the entries that counted in the window and are in nobody's hands: they are forgotten. */
  lose(): Entry<In>[] {
    this.lost = true;
    this.#waiting = [];
    this.#ready = [];
    this.#head = 0;
    this.waitingBytes = 0;
    this.#heldBytes = 0;
    const forgotten: Entry<In>[] = [];
    for (const { first } of this.#lines.values())
      for (let entry = first; entry; entry = entry.behind) if (entry.counted && !entry.out && !entry.settled) forgotten.push(entry);
    this.release();
    return forgotten;
  }
}

/** Never nothing: also an empty record is held. */
const weightOf = ({ record }: Entry) => record.value.byteLength + 64;
