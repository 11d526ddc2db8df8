/** How far groups have come, and what partitions hold: asked of Kafka, never remembered. */
import type { Topic } from "#domain/topics.ts";
import type { Asking } from "./asking.ts";
import { AtFault, unavailable } from "./failures.ts";
import type { Names } from "./names.ts";
import { type TopicIds, topicIds } from "./topic-ids.ts";

export interface Bounds {
  /** The first offset kept. */
  readonly start: number;
  /** The offset that the next record will have. */
  readonly end: number;
}

export interface GroupPlace {
  readonly topic: Topic;
  readonly partition: number;
  /** Where the group goes on: at its position, or at the first record kept. */
  readonly next: number;
  readonly end: number;
}

/** By the topic's name in Kafka, a slash, and the partition. */
type ByPlace = ReadonlyMap<string, number>;

const partitionsOf = ({ partitions }: Topic) => Array.from({ length: partitions }, (_, partition) => ({ partition }));

export class Offsets {
  readonly #asking: Asking;
  readonly #names: Names;

  constructor(asking: Asking, names: Names) {
    this.#asking = asking;
    this.#names = names;
  }

  async bounds(topic: Topic, partition: number): Promise<Bounds> {
    if (!(partition in partitionsOf(topic)))
      throw new RangeError(`Topic "${topic.name}" has partitions 0 to ${topic.partitions - 1}, not ${partition}.`);
    const place = `${this.#names.of(topic)}/${partition}`;
    const [starts, ends] = await this.#bounds([topic]);
    const [start, end] = [starts.get(place), ends.get(place)];
    if (start === undefined || end === undefined) throw unavailable(new AtFault(`nobody leads ${place}`));
    return { start, end };
  }

  ids(topics: readonly Topic[]): Promise<TopicIds> {
    const names = topics.map((topic) => this.#names.of(topic));
    return this.#asking.ask("which topics there are", async (cluster) => topicIds(await cluster.brokerPool.findConnectedBroker(), names));
  }

  /** Of all partitions of the topics. */
  async places(group: string, topics: readonly Topic[]): Promise<readonly GroupPlace[]> {
    const [committed, [starts, ends]] = await Promise.all([this.#committed(group, topics), this.#bounds(topics)]);
    return topics.flatMap((topic) =>
      partitionsOf(topic).map(({ partition }) => {
        const place = `${this.#names.of(topic)}/${partition}`;
        const [start, end, next = -1] = [starts.get(place), ends.get(place), committed.get(place)];
        // Nobody leads it: what is kept is not known before somebody does, and until then nothing more than what the group has seen.
        if (start === undefined || end === undefined) return { topic, partition, next: Math.max(next, 0), end: Math.max(next, 0) };
        // A position outside of what is kept is of no use: the group starts at what there is.
        return { topic, partition, next: next < start || next > end ? start : next, end };
      }),
    );
  }

  #bounds(topics: readonly Topic[]): Promise<[ByPlace, ByPlace]> {
    const wanted = (fromBeginning: boolean) =>
      topics.map((topic) => ({ topic: this.#names.of(topic), fromBeginning, partitions: partitionsOf(topic) }));
    return this.#asking.ask("where partitions begin and end", (cluster) =>
      Promise.all([cluster.fetchTopicsOffset(wanted(true)).then(byPlace), cluster.fetchTopicsOffset(wanted(false)).then(byPlace)]),
    );
  }

  #committed(groupId: string, topics: readonly Topic[]): Promise<ByPlace> {
    const wanted = topics.map((topic) => ({ topic: this.#names.of(topic), partitions: partitionsOf(topic) }));
    return this.#asking.ask(`positions of ${groupId}`, async (cluster) => {
      const coordinator = await cluster.findGroupCoordinator({ groupId });
      return byPlace((await coordinator.offsetFetch({ groupId, topics: wanted })).responses);
    });
  }
}

const byPlace = (
  answers: readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[],
): ByPlace =>
  new Map(answers.flatMap(({ topic, partitions }) => partitions.map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)])));
