/**
 * One assignment at work: what has been fetched and not been handed over, and how far its member and the group have come.
 */

import type { Deliverer, Deliveries } from "../delivery.ts";
import type { Assignment, LogRecord, Member } from "../log.ts";

/** Records one `deliver` call hands over, at most. */
const MOST_BATCH = 500;
const MOST_BATCH_BYTES = 1024 * 1024;
/** A partition with as much in stock is not fetched until it has come down to three quarters: that lasts while a running fetch waits. */
const STOCK_RECORDS = 4_000;
const STOCK_BYTES = 2 * 1024 * 1024;
const ENOUGH = 0.75;

export interface HeldNeeds {
  readonly member: Member;
  readonly deliveries: Deliveries;
  /** Fetch no more of it, or again. */
  fetching(held: Held, on: boolean): void;
  /** Bytes came into stock, or left it. */
  stocked(bytes: number): void;
  /** Whether this process may take itself for the partition's holder. */
  isFresh(): boolean;
}

export class Held implements Deliverer {
  readonly assignment: Assignment;
  /** The topic's name in Kafka. */
  readonly name: string;
  /** Of the topic whose offsets are meant here; undefined until it is known. */
  topicId: string | undefined;
  /** The offset of the next record to be fetched, handed over, and settled; and what Kafka knows to be settled. */
  next: number;
  delivered: number;
  settled: number;
  committed: number;
  readonly #needs: HeldNeeds;
  #stock: LogRecord[] = [];
  #head = 0;
  #bytes = 0;
  #paused = false;
  #fetching = true;
  #lost = false;

  constructor(name: string, assignment: Assignment, needs: HeldNeeds) {
    this.name = name;
    this.assignment = assignment;
    this.next = this.delivered = this.settled = this.committed = assignment.position;
    this.#needs = needs;
  }

  /** Records from `next` on, and the offset after them. */
  push(records: readonly LogRecord[], next: number): void {
    let bytes = 0;
    for (const record of records) {
      this.#stock.push(record);
      bytes += record.value.byteLength;
    }
    this.next = next;
    this.#weigh(bytes);
    this.wake();
  }

  /** Nothing for readers stands before `next`. */
  skip(next: number): void {
    this.next = next;
    this.#pass();
  }

  /** Everything before `next` is settled. */
  settle(next: number): void {
    this.settled = Math.max(this.settled, next);
    this.#pass();
  }

  /** What stands behind the last record and is not for readers, as marks of transactions, needs nobody to settle it. */
  #pass(): void {
    if (this.#head < this.#stock.length || this.settled < this.delivered) return;
    this.delivered = this.next;
    this.settled = this.next;
  }

  wake(): void {
    if (!this.#paused && !this.#lost && this.#head < this.#stock.length) this.#needs.deliveries.add(this);
  }

  pause(): void {
    this.#paused = true;
    this.#needs.deliveries.remove(this);
  }

  resume(): void {
    this.#paused = false;
    this.wake();
  }

  lose(): void {
    this.#lost = true;
    this.#needs.deliveries.remove(this);
    this.#stock = [];
    this.#head = 0;
    this.#weigh(-this.#bytes);
  }

  deliver(): number {
    // Woken again when the group has been heard from.
    if (!this.#needs.isFresh()) return 0;
    const records = this.#take();
    const last = records.at(-1) as LogRecord;
    this.delivered = last.offset + 1;
    // Before the call: the member may pause inside it.
    this.wake();
    this.#needs.member.deliver(this.assignment, records);
    return records.length;
  }

  #take(): LogRecord[] {
    let to = this.#head;
    let bytes = 0;
    while (to < this.#stock.length && to - this.#head < MOST_BATCH && bytes < MOST_BATCH_BYTES) {
      bytes += (this.#stock[to] as LogRecord).value.byteLength;
      to++;
    }
    const records = this.#stock.slice(this.#head, to);
    this.#head = to;
    if (to === this.#stock.length) {
      this.#stock = [];
      this.#head = 0;
    } else if (to > STOCK_RECORDS) {
      this.#stock = this.#stock.slice(to);
      this.#head = 0;
    }
    this.#weigh(-bytes);
    return records;
  }

  #weigh(bytes: number): void {
    this.#bytes += bytes;
    this.#needs.stocked(bytes);
    const records = this.#stock.length - this.#head;
    if (this.#fetching && (records >= STOCK_RECORDS || this.#bytes >= STOCK_BYTES)) {
      this.#fetching = false;
      this.#needs.fetching(this, false);
    } else if (!this.#fetching && !this.#lost && records <= STOCK_RECORDS * ENOUGH && this.#bytes <= STOCK_BYTES * ENOUGH) {
      this.#fetching = true;
      this.#needs.fetching(this, true);
    }
  }
}
