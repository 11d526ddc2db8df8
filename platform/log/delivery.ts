/**
 * Hands records to members: asynchronously, in offset order within a partition, taking the partitions in turn.
 */
import type { Assignment, LogRecord, Member } from "./log.ts";
import { type Follower, type Place, trimTail } from "./places.ts";
import type { Storage } from "./storage.ts";

/** Records one `deliver` call hands over, at most. */
const MAX_BATCH = 500;
const MAX_BATCH_BYTES = 1024 * 1024;
/** Records handed over before the event loop gets its turn. */
const MAX_TURN = 2_000;

/** What has something to hand over. It adds itself again when it has more. */
export interface Deliverer {
  /** Hands over one batch and answers its size. */
  deliver(): number;
}

/** Serves those that have something to hand over, each a batch at a time, round and round. */
export class Deliveries {
  readonly #ready = new Set<Deliverer>();
  #scheduled = false;
  #stopped = false;

  add(deliverer: Deliverer): void {
    if (this.#stopped) return;
    this.#ready.add(deliverer);
    this.#schedule();
  }

  remove(deliverer: Deliverer): void {
    this.#ready.delete(deliverer);
  }

  stop(): void {
    this.#stopped = true;
    this.#ready.clear();
  }

  #schedule(): void {
    if (this.#scheduled || this.#ready.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    let handed = 0;
    try {
      // Who has more adds itself again, at the end: a Set is walked in the order of its members' arrival.
      for (const deliverer of this.#ready) {
        this.#ready.delete(deliverer);
        handed += deliverer.deliver();
        if (handed >= MAX_TURN) break;
      }
    } finally {
      this.#schedule();
    }
  }
}

/** One assignment at work: where its member has come to in one partition. */
export class Reader implements Follower, Deliverer {
  readonly place: Place;
  readonly assignment: Assignment;
  next: number;
  readonly #member: Member;
  readonly #storage: Storage;
  readonly #deliveries: Deliveries;
  readonly #lost: (reader: Reader) => void;
  #paused = false;

  /** `lost` is called when retention has taken records that this reader had not had: its assignment must be made anew. */
  constructor(
    place: Place,
    assignment: Assignment,
    member: Member,
    needs: { storage: Storage; deliveries: Deliveries; lost: (reader: Reader) => void },
  ) {
    this.place = place;
    this.assignment = assignment;
    this.next = assignment.position;
    this.#member = member;
    this.#storage = needs.storage;
    this.#deliveries = needs.deliveries;
    this.#lost = needs.lost;
  }

  start(): void {
    this.place.followers.add(this);
    this.wake();
  }

  stop(): void {
    this.place.followers.delete(this);
    this.#deliveries.remove(this);
    trimTail(this.place);
  }

  wake(): void {
    if (!this.#paused && this.next < this.place.end) this.#deliveries.add(this);
  }

  pause(): void {
    this.#paused = true;
    this.#deliveries.remove(this);
  }

  resume(): void {
    this.#paused = false;
    this.wake();
  }

  deliver(): number {
    const records = this.place.tail.from(this.next, MAX_BATCH) ?? this.#stored();
    if (records[0]?.offset !== this.next) {
      this.#lost(this);
      return 0;
    }
    this.next += records.length;
    trimTail(this.place);
    // Before the call: the member may pause, or stop being served, inside it.
    this.wake();
    this.#member.deliver(this.assignment, records);
    return records.length;
  }

  #stored(): readonly LogRecord[] {
    const { topic, partition, end } = this.place;
    // The storage may hold newer ones already, whose commit has not been reported to this thread.
    return this.#storage.read(topic, partition, this.next, Math.min(MAX_BATCH, end - this.next), MAX_BATCH_BYTES);
  }
}
