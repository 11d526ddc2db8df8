/** How far groups have come, and what partitions hold: asked of Kafka, never remembered. */
import type { Admin } from "kafkajs";
import type { Topic } from "#domain/topics.ts";
import type { Names } from "./names.ts";

export interface Bounds {
  /** The first offset kept. */
  readonly start: number;
  /** The offset that the next record will have. */
  readonly end: number;
}

export class Offsets {
  readonly #admin: Admin;
  readonly #names: Names;

  constructor(admin: Admin, names: Names) {
    this.#admin = admin;
    this.#names = names;
  }

  /** By partition. */
  async bounds(topic: Topic): Promise<ReadonlyMap<number, Bounds>> {
    const found = await this.#admin.fetchTopicOffsets(this.#names.of(topic));
    return new Map(found.map(({ partition, low, high }) => [partition, { start: Number(low), end: Number(high) }]));
  }

  /** Where the group goes on in each partition of each topic: its position, or the first record kept. In the order of `topics`. */
  async positions(group: string, topics: readonly Topic[]): Promise<{ topic: Topic; partition: number; next: number; end: number }[]> {
    const committed = await this.#committed(group, topics);
    const bounds = await Promise.all(topics.map((topic) => this.bounds(topic)));
    return topics.flatMap((topic, at) =>
      Array.from({ length: topic.partitions }, (_, partition) => {
        const { start, end } = bounds[at]?.get(partition) ?? { start: 0, end: 0 };
        const next = committed.get(`${this.#names.of(topic)}/${partition}`) ?? -1;
        // A position outside of what is kept is of no use: the group starts at what there is.
        return { topic, partition, next: next < start || next > end ? start : next, end };
      }),
    );
  }

  async #committed(groupId: string, topics: readonly Topic[]): Promise<ReadonlyMap<string, number>> {
    const found = await this.#admin.fetchOffsets({ groupId, topics: topics.map((topic) => this.#names.of(topic)) });
    return new Map(
      found.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)] as const),
      ),
    );
  }
}
