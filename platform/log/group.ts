/**
 * A group: which member holds which partition, under which epoch, and where it stands.
 *
 * Sticky and co-partitioned: partition p of all topics with as many partitions moves together, and only as much moves as balance asks for.
 */
import type { Topic } from "#domain/topics.ts";
import type { Assignment, Member, Position } from "./log.ts";
import type { GroupPosition, Storage } from "./storage.ts";

/** An assignment under way. */
export interface Held {
  readonly assignment: Assignment;
  readonly member: Member;
  next: number;
  paused: boolean;
  revoked: boolean;
}

const placeOf = ({ topic, partition }: { topic: Topic; partition: number }) => `${topic.name}/${partition}`;

export class Group {
  readonly #name: string;
  readonly #topics: readonly Topic[];
  readonly #storage: Storage;
  readonly #members: Member[] = [];
  readonly #held = new Map<string, Held>();
  readonly #epochs = new Map<string, number>();
  /** Positions as told to the storage, which may still be writing them. */
  readonly #positions = new Map<string, number>();

  constructor(name: string, topics: readonly Topic[], storage: Storage) {
    this.#name = name;
    this.#topics = topics;
    this.#storage = storage;
  }

  all = () => this.#held.values();
  holding(place: string): readonly Held[] | undefined {
    const held = this.#held.get(place);
    return held && [held];
  }

  join(member: Member) {
    this.#members.push(member);
    this.#rebalance();
    const mine = (assignment: { topic: Topic; partition: number; epoch: number }) => {
      const held = this.#held.get(placeOf(assignment));
      return held?.member === member && held.assignment.epoch === assignment.epoch ? held : undefined;
    };
    return {
      /** The positions that may still move: current epoch, forward only. */
      accept: (positions: readonly Position[]): GroupPosition[] =>
        positions.flatMap((position) => {
          const place = placeOf(position);
          if (!mine(position) || position.next < (this.#positions.get(place) ?? 0)) return [];
          this.#positions.set(place, position.next);
          return [{ group: this.#name, topic: position.topic, partition: position.partition, next: position.next }];
        }),
      find: (assignment: Assignment, then: (held: Held) => void): void => {
        const held = mine(assignment);
        if (held) then(held);
      },
      leave: (): void => {
        const index = this.#members.indexOf(member);
        if (index < 0) return;
        this.#members.splice(index, 1);
        this.#rebalance();
      },
    };
  }

  #rebalance(): void {
    const wanted = this.#shares();
    const lost = new Map<Member, Assignment[]>();
    for (const [place, held] of this.#held) {
      if (wanted.get(place)?.member === held.member) continue;
      held.revoked = true;
      this.#held.delete(place);
      lost.set(held.member, [...(lost.get(held.member) ?? []), held.assignment]);
    }
    for (const [member, assignments] of lost) member.revoked(assignments);
    const gained = new Map<Member, Assignment[]>();
    for (const [place, { member, topic, partition }] of wanted) {
      if (this.#held.has(place)) continue;
      const epoch = (this.#epochs.get(place) ?? 0) + 1;
      this.#epochs.set(place, epoch);
      const assignment = { topic, partition, epoch, position: this.#position(topic, partition) };
      this.#held.set(place, { assignment, member, next: assignment.position, paused: false, revoked: false });
      gained.set(member, [...(gained.get(member) ?? []), assignment]);
    }
    for (const [member, assignments] of gained) member.assigned(assignments);
  }

  #position(topic: Topic, partition: number): number {
    const place = placeOf({ topic, partition });
    const known = this.#positions.get(place) ?? this.#storage.position(this.#name, topic, partition) ?? 0;
    this.#positions.set(place, known);
    return Math.max(known, this.#storage.bounds(topic, partition).first);
  }

  /** Who should hold what: units of one partition number over all topics of one size, kept where they are as far as shares allow. */
  #shares(): Map<string, { member: Member; topic: Topic; partition: number }> {
    const wanted = new Map<string, { member: Member; topic: Topic; partition: number }>();
    if (this.#members.length === 0) return wanted;
    const units = [...new Set(this.#topics.map((topic) => topic.partitions))].flatMap((size) =>
      Array.from({ length: size }, (_, partition) => ({ partition, topics: this.#topics.filter((topic) => topic.partitions === size) })),
    );
    const share = Math.ceil(units.length / this.#members.length);
    const counts = new Map(this.#members.map((member) => [member, 0]));
    const take = (member: Member, { partition, topics }: (typeof units)[0]) => {
      counts.set(member, (counts.get(member) ?? 0) + 1);
      for (const topic of topics) wanted.set(placeOf({ topic, partition }), { member, topic, partition });
    };
    const homeless = units.filter((unit) => {
      const [topic] = unit.topics as [Topic];
      const owner = this.#held.get(placeOf({ topic, partition: unit.partition }))?.member;
      if (!owner || !this.#members.includes(owner) || (counts.get(owner) ?? 0) >= share) return true;
      take(owner, unit);
      return false;
    });
    for (const unit of homeless) {
      const least = [...counts].reduce((best, each) => (each[1] < best[1] ? each : best));
      take(least[0], unit);
    }
    return wanted;
  }
}
