/**
 * The bounded window: how many records a stage may have out whose outcomes are not durable yet.
 *
 * Half of it is divided among the lanes, each has its share for itself; the other half is for whoever comes first. So a lane whose records
 * take long (or wait on purpose) can never keep another from moving.
 */
import type { Entry, Lane } from "./lane.ts";

/** Values under way, at most: a window of large records is a smaller window. A lane may always have one out. */
const MOST_BYTES = 16 * 1_024 * 1_024;

export class Window<In> {
  readonly #most: number;
  readonly #lanes: () => readonly Lane<In>[];
  #records = 0;
  #bytes = 0;
  /** What each lane has for itself. */
  #share = 0;
  /** Taken of what is for everybody, and how much that is. */
  #common = 0;
  #commonMost: number;

  constructor(most: number, lanes: () => readonly Lane<In>[]) {
    this.#most = most;
    this.#commonMost = most;
    this.#lanes = lanes;
  }

  get records(): number {
    return this.#records;
  }

  mayTake({ inFlight }: Lane<In>): boolean {
    if (this.#bytes >= MOST_BYTES && inFlight > 0) return false;
    return inFlight < this.#share || this.#common < this.#commonMost;
  }

  enter(entry: Entry<In>): void {
    entry.counted = true;
    this.#records++;
    this.#bytes += entry.record.value.byteLength;
    if (entry.lane.inFlight >= this.#share) this.#common++;
    entry.lane.inFlight++;
  }

  leave(entry: Entry<In>): void {
    if (!entry.counted) return;
    entry.counted = false;
    this.#records--;
    this.#bytes -= entry.record.value.byteLength;
    const { lane } = entry;
    lane.inFlight--;
    if (lane.lost || lane.inFlight >= this.#share) this.#common--;
  }

  /** Lanes came or went: divides anew. What lanes that are gone still have out counts as common. */
  divide(): void {
    const lanes = this.#lanes();
    this.#share = Math.floor(this.#most / 2 / Math.max(1, lanes.length));
    this.#commonMost = this.#most - this.#share * lanes.length;
    let own = 0;
    for (const { inFlight } of lanes) own += Math.min(inFlight, this.#share);
    this.#common = this.#records - own;
  }
}
