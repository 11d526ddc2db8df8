/**
 * Simulated time: everything that is going to happen, in order; what falls on the same millisecond in an order of chance.
 *
 * One thing happens at a time. All that can follow from it without waiting has followed before the next one does, so the order of events is
 * the whole of what a run is: the seed decides it, and the trace names it.
 */
import { createHash } from "node:crypto";
import type { Random } from "./random.ts";

export interface Pending {
  cancel(): void;
}

interface Event {
  readonly atMs: number;
  readonly tie: number;
  readonly what: string;
  act: (() => void) | undefined;
}

/** All microtasks have run. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

export class Timeline {
  nowMs: number;
  readonly startMs: number;
  readonly #random: Random;
  readonly #tell: ((line: string) => void) | undefined;
  readonly #hash = createHash("sha256");
  #works = 0;
  /** A binary heap. */
  readonly #events: Event[] = [];

  /** `tell` is given every line of the trace. */
  constructor(startMs: number, random: Random, tell?: (line: string) => void) {
    this.startMs = startMs;
    this.nowMs = startMs;
    this.#random = random;
    this.#tell = tell;
  }

  after(delayMs: number, what: string, act: () => void): Pending {
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), tie: this.#random.next(), what, act };
    this.#push(event);
    return {
      cancel: () => {
        event.act = undefined;
      },
    };
  }

  /** Something that needs no time: it is done before anything else happens. */
  during(work: Promise<unknown>): void {
    this.#works++;
    const done = () => {
      this.#works--;
    };
    work.then(done, done);
  }

  /** Makes a line part of the trace. */
  note(line: string): void {
    const timed = `${this.nowMs - this.startMs} ${line}`;
    this.#hash.update(timed).update("\n");
    this.#tell?.(timed);
  }

  /** Of everything noted until now. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  /** The next thing happens. False: there is none. */
  async step(): Promise<boolean> {
    let event = this.#pop();
    while (event && !event.act) event = this.#pop();
    if (!event?.act) return false;
    this.nowMs = Math.max(this.nowMs, event.atMs);
    this.note(event.what);
    event.act();
    await turn();
    if (this.#works === 0) return true;
    while (this.#works > 0) await turn();
    // What the log has taken, it hands to its readers.
    await turn();
    return true;
  }

  #push(event: Event): void {
    const heap = this.#events;
    let place = heap.push(event) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[place] = heap[parent] as Event;
      place = parent;
    }
    heap[place] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#events;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let place = 0;
    for (let child = 1; child < heap.length; child = 2 * place + 1) {
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!before(heap[child] as Event, last)) break;
      heap[place] = heap[child] as Event;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

const before = (one: Event, other: Event): boolean => (one.atMs === other.atMs ? one.tie < other.tie : one.atMs < other.atMs);
