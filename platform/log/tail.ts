/**
 * The newest records of one partition, kept in memory for the readers that are close to the end. Bounded: the oldest go first, and who is
 * further behind reads from storage.
 */
import type { LogRecord } from "./log.ts";

/** Per partition; with the embedded form's 160 partitions all full and unread this is 10 MiB, and what shares memory with it. */
const MAX_RECORDS = 500;
const MAX_BYTES = 64 * 1024;

const weight = (record: LogRecord): number => record.key.length + record.value.byteLength + 64;

export class Tail {
  #records: LogRecord[] = [];
  #head = 0;
  #bytes = 0;

  push(record: LogRecord): void {
    this.#records.push(record);
    this.#bytes += weight(record);
    while (this.#records.length - this.#head > MAX_RECORDS || this.#bytes > MAX_BYTES) this.#drop();
    this.#compact();
  }

  /** Records from `offset` on, or undefined when the tail does not reach back that far. */
  from(offset: number, limit: number): readonly LogRecord[] | undefined {
    const first = this.#records[this.#head];
    if (first === undefined || offset < first.offset) return undefined;
    const at = this.#head + (offset - first.offset);
    return this.#records.slice(at, at + limit);
  }

  /** Everybody has had what is before `offset`. */
  trim(offset: number): void {
    for (let first = this.#records[this.#head]; first !== undefined && first.offset < offset; first = this.#records[this.#head])
      this.#drop();
    this.#compact();
  }

  clear(): void {
    this.#records = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #drop(): void {
    this.#bytes -= weight(this.#records[this.#head] as LogRecord);
    this.#head++;
  }

  #compact(): void {
    if (this.#head === this.#records.length) this.clear();
    else if (this.#head > 256 && this.#head * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
  }
}
