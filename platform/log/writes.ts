/**
 * The way into the storage: what is written in one turn of the event loop, or while earlier writes are still on their way, goes as one.
 *
 * Writes happen in the order added. After a write has been committed, and before its promise resolves, readers of its partitions are told.
 */

import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import type { LogRecord, Output } from "./log.ts";
import type { Place, Places } from "./places.ts";
import { trimTail } from "./places.ts";
import type { Section, Storage } from "./storage.ts";

/** How far a group has come in one partition. */
export interface Cursor {
  readonly group: string;
  readonly place: Place;
  /** Undefined: the group starts at the beginning. */
  committed: number | undefined;
}

export interface Move {
  readonly cursor: Cursor;
  readonly next: number;
}

/** Two: the storage works on one while the next is being put together. */
const MAX_ON_THE_WAY = 2;
/** A write is closed at this size, so that one transaction stays bounded. */
const MAX_WRITE_BYTES = 4 * 1024 * 1024;

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

class Pending {
  readonly outputs = new Map<Place, Output[]>();
  readonly moves = new Map<Cursor, number>();
  durable = false;
  bytes = 0;
  readonly done = Promise.withResolvers<void>();
}

export class Writes {
  readonly #places: Places;
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #waiting: Pending[] = [];
  #onTheWay = 0;
  #scheduled = false;
  #last: Promise<void> = Promise.resolve();

  constructor(places: Places, storage: Storage, clock: Clock) {
    this.#places = places;
    this.#storage = storage;
    this.#clock = clock;
  }

  /** All of one call is in one transaction. Throws, having taken nothing, when an output names a topic the log does not have. */
  add(outputs: readonly Output[], moves: readonly Move[], durable: boolean): Promise<void> {
    const places = outputs.map((output) => this.#places.of(output));
    const pending = this.#open();
    for (let i = 0; i < places.length; i++) {
      const place = places[i] as Place;
      const output = outputs[i] as Output;
      const section = pending.outputs.get(place);
      if (section === undefined) pending.outputs.set(place, [output]);
      else section.push(output);
      pending.bytes += output.key.length + output.value.byteLength;
    }
    for (const { cursor, next } of moves) pending.moves.set(cursor, Math.max(next, pending.moves.get(cursor) ?? 0));
    if (durable) pending.durable = true;
    this.#schedule();
    return pending.done.promise;
  }

  /** Resolves when everything added so far has been committed or refused. */
  async quiet(): Promise<void> {
    await this.#last;
  }

  #open(): Pending {
    const newest = this.#waiting.at(-1);
    if (newest !== undefined && newest.bytes < MAX_WRITE_BYTES) return newest;
    const pending = new Pending();
    this.#waiting.push(pending);
    this.#last = pending.done.promise.catch(() => {});
    return pending;
  }

  #schedule(): void {
    if (this.#scheduled || this.#onTheWay >= MAX_ON_THE_WAY) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#waiting.length > 0 && this.#onTheWay < MAX_ON_THE_WAY) void this.#send(this.#waiting.shift() as Pending);
    });
  }

  async #send(pending: Pending): Promise<void> {
    const timeMs = this.#clock.nowMs();
    const sections: (Section & { place: Place })[] = [];
    for (const [place, outputs] of pending.outputs) sections.push({ place, topic: place.topic, partition: place.partition, outputs });
    const positions = [...pending.moves].map(([{ group, place }, next]) => ({
      group,
      topic: place.topic,
      partition: place.partition,
      next,
    }));
    this.#onTheWay++;
    try {
      const firsts = await this.#storage.commit({ timeMs, durable: pending.durable, sections, positions });
      for (let i = 0; i < sections.length; i++) {
        const { place, outputs } = sections[i] as (typeof sections)[number];
        committed(place, firsts[i] as number, timeMs, outputs);
      }
      for (const [cursor, next] of pending.moves) cursor.committed = Math.max(next, cursor.committed ?? 0);
      pending.done.resolve();
    } catch (cause) {
      pending.done.reject(new Problem("LOG_UNAVAILABLE", { retryAfterMs: 1_000, cause }));
    } finally {
      this.#onTheWay--;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }
}

function committed(place: Place, first: number, timeMs: number, outputs: readonly Output[]): void {
  place.end = first + outputs.length;
  if (place.followers.size === 0) {
    place.tail.clear();
    return;
  }
  trimTail(place);
  let offset = first;
  for (const { key, value, headers = NO_HEADERS } of outputs) {
    const record: LogRecord = { topic: place.topic, partition: place.partition, offset: offset++, timeMs, key, value, headers };
    place.tail.push(record);
  }
  for (const follower of place.followers) follower.wake();
}
