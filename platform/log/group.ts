/**
 * A consumer group of one process: its members, who holds which partitions under which epoch, and how far the group has come.
 *
 * Members come and go one after the other. What a member loses is revoked at once; it is given to another only when everything settled
 * until then has been committed, so that the next holder starts where the last one really ended.
 */
import type { Topic } from "#domain/topics.ts";
import { type Deliveries, Reader } from "./delivery.ts";
import type { Assignment, Member, Membership, Output, Position } from "./log.ts";
import type { Place, Places } from "./places.ts";
import { share, type Unit } from "./share.ts";
import type { Storage } from "./storage.ts";
import type { Cursor, Move, Writes } from "./writes.ts";

export interface Core {
  readonly places: Places;
  readonly storage: Storage;
  readonly writes: Writes;
  readonly deliveries: Deliveries;
}

/** Partition `index` of every topic of the group that has `of` partitions. */
interface Held extends Unit {
  readonly cursors: readonly Cursor[];
  owner: Joined | undefined;
}

interface Joined {
  readonly member: Member;
  readonly readers: Map<Cursor, Reader>;
  left: boolean;
}

const namesOf = (topics: readonly Topic[]) => [...new Set(topics.map((topic) => topic.name))].sort().join(", ");

export class Group {
  readonly #name: string;
  readonly #core: Core;
  readonly #cursors = new Map<Place, Cursor>();
  readonly #members: Joined[] = [];
  #topics = "";
  #units: readonly Held[] = [];
  #epoch = 0;
  /** Rebalances wait for each other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(name: string, core: Core) {
    this.#name = name;
    this.#core = core;
  }

  async join(topics: readonly Topic[], member: Member): Promise<Membership> {
    const joined: Joined = { member, readers: new Map(), left: false };
    if (this.#members.length === 0) this.#read(topics);
    else if (namesOf(topics) !== this.#topics) {
      throw new Error(`Members of group "${this.#name}" read ${this.#topics}; one that reads ${namesOf(topics)} needs a group of its own.`);
    }
    this.#members.push(joined);
    await this.#rebalance();
    return {
      settle: (outputs, positions) => this.#settle(joined, outputs, positions),
      pause: (assignment) => this.#readerOf(joined, assignment)?.pause(),
      resume: (assignment) => this.#readerOf(joined, assignment)?.resume(),
      leave: () => this.#leave(joined),
    };
  }

  lag(topics: readonly Topic[]): number {
    let lag = 0;
    for (const topic of topics) {
      for (const place of this.#core.places.ofTopic(topic)) lag += place.end - this.#startOf(this.#cursor(place));
    }
    return lag;
  }

  /** Where the group is in each partition that it reads: what comes next has been given to no member. Nothing while it has none. */
  *nexts(): Iterable<{ readonly place: Place; readonly next: number }> {
    if (this.#members.length === 0) return;
    for (const { owner, cursors } of this.#units) {
      for (const cursor of cursors) {
        yield { place: cursor.place, next: Math.max(owner?.readers.get(cursor)?.next ?? 0, cursor.committed ?? 0) };
      }
    }
  }

  #read(topics: readonly Topic[]): void {
    const units = new Map<string, { of: number; index: number; cursors: Cursor[]; owner: Joined | undefined }>();
    for (const topic of new Set(topics)) {
      for (const place of this.#core.places.ofTopic(topic)) {
        const name = `${topic.partitions}/${place.partition}`;
        let unit = units.get(name);
        if (unit === undefined) {
          unit = { of: topic.partitions, index: place.partition, cursors: [], owner: undefined };
          units.set(name, unit);
        }
        unit.cursors.push(this.#cursor(place));
      }
    }
    this.#topics = namesOf(topics);
    this.#units = [...units.values()];
  }

  #cursor(place: Place): Cursor {
    let cursor = this.#cursors.get(place);
    if (cursor === undefined) {
      cursor = { group: this.#name, place, committed: this.#core.storage.position(this.#name, place.topic, place.partition) };
      this.#cursors.set(place, cursor);
    }
    return cursor;
  }

  #startOf({ place, committed }: Cursor): number {
    const { start } = this.#core.storage.bounds(place.topic, place.partition);
    return Math.max(start, committed ?? 0);
  }

  #rebalance(): Promise<void> {
    const turn = this.#turn.then(async () => {
      const members = this.#members.filter((joined) => !joined.left);
      const owners = share(this.#units, members, (unit) => unit.owner);
      const moving = this.#units.filter((unit) => unit.owner !== owners.get(unit));
      for (const joined of this.#members) {
        this.#revoke(
          joined,
          moving.filter((unit) => unit.owner === joined).flatMap((unit) => unit.cursors),
        );
      }
      for (const unit of moving) unit.owner = undefined;
      await this.#core.writes.quiet();
      for (const joined of members) {
        // One that left meanwhile has a rebalance of its own coming, which finds these without an owner.
        if (joined.left) continue;
        const gained = moving.filter((unit) => owners.get(unit) === joined);
        for (const unit of gained) unit.owner = joined;
        this.#assign(
          joined,
          gained.flatMap((unit) => unit.cursors),
        );
      }
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  #assign(joined: Joined, cursors: readonly Cursor[]): void {
    if (cursors.length === 0) return;
    const { storage, deliveries } = this.#core;
    const epoch = ++this.#epoch;
    const readers = cursors.map((cursor) => {
      const { topic, partition } = cursor.place;
      const assignment: Assignment = { topic, partition, epoch, position: this.#startOf(cursor) };
      const lost = () => {
        this.#revoke(joined, [cursor]);
        this.#assign(joined, [cursor]);
      };
      const reader = new Reader(cursor.place, assignment, joined.member, { storage, deliveries, lost });
      joined.readers.set(cursor, reader);
      return reader;
    });
    joined.member.assigned(readers.map((reader) => reader.assignment));
    for (const reader of readers) if (joined.readers.get(this.#cursor(reader.place)) === reader) reader.start();
  }

  #revoke(joined: Joined, cursors: readonly Cursor[]): void {
    const readers = cursors.map((cursor) => joined.readers.get(cursor)).filter((reader) => reader !== undefined);
    if (readers.length === 0) return;
    for (const cursor of cursors) joined.readers.delete(cursor);
    for (const reader of readers) reader.stop();
    joined.member.revoked(readers.map((reader) => reader.assignment));
  }

  #readerOf(joined: Joined, at: { topic: Topic; partition: number; epoch: number }): Reader | undefined {
    const reader = joined.readers.get(this.#cursor(this.#core.places.at(at.topic, at.partition)));
    return reader?.assignment.epoch === at.epoch ? reader : undefined;
  }

  async #settle(joined: Joined, outputs: readonly Output[], positions: readonly Position[]): Promise<void> {
    const moves: Move[] = [];
    for (const position of positions) {
      const reader = this.#readerOf(joined, position);
      if (reader === undefined) continue;
      if (position.next > reader.next) {
        const { topic, partition, next } = position;
        throw new RangeError(`Only ${reader.next} of ${topic.name}/${partition} has been delivered, so ${next} cannot be settled.`);
      }
      moves.push({ cursor: this.#cursor(reader.place), next: position.next });
    }
    if (outputs.length > 0 || moves.length > 0) await this.#core.writes.add(outputs, moves, false);
  }

  async #leave(joined: Joined): Promise<void> {
    if (!joined.left) {
      joined.left = true;
      this.#revoke(joined, [...joined.readers.keys()]);
      for (const unit of this.#units) if (unit.owner === joined) unit.owner = undefined;
      this.#members.splice(this.#members.indexOf(joined), 1);
      await this.#rebalance();
    } else await this.#turn;
  }
}
