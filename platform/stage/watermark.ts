/**
 * The contiguous watermark of one assignment: records are taken in offset order and settled in any order, and the position is the offset
 * before which everything is settled.
 */
const COMPACT_AT = 1_024;

export class Watermark {
  readonly #offsets: number[] = [];
  readonly #settled: boolean[] = [];
  /** The ticket of the first place in the arrays. */
  #base = 0;
  #head = 0;
  #next: number;

  constructor(position: number) {
    this.#next = position;
  }

  /** A ticket to settle this record with. */
  take(offset: number): number {
    this.#next = offset + 1;
    this.#settled.push(false);
    return this.#base + this.#offsets.push(offset) - 1;
  }

  settle(ticket: number): void {
    this.#settled[ticket - this.#base] = true;
    while (this.#settled[this.#head]) this.#head++;
    if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#offsets.length) {
      this.#offsets.splice(0, this.#head);
      this.#settled.splice(0, this.#head);
      this.#base += this.#head;
      this.#head = 0;
    }
  }

  get position(): number {
    return this.#offsets[this.#head] ?? this.#next;
  }

  /** Records from the watermark on that were taken: what comes again if the process dies now. */
  get span(): number {
    return this.#offsets.length - this.#head;
  }
}
