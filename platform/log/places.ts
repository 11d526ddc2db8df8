/**
 * The partitions of the topics as the embedded log's core knows them: where each ends, its newest records, and who reads it.
 */
import type { Topic } from "#domain/topics.ts";
import type { Output } from "./log.ts";
import { partitionOf } from "./partition.ts";
import type { Storage } from "./storage.ts";
import { Tail } from "./tail.ts";

/** Somebody who is told when records have been committed. */
export interface Follower {
  /** The next offset it wants. */
  readonly next: number;
  wake(): void;
}

export interface Place {
  readonly topic: Topic;
  readonly partition: number;
  /** The offset after the last committed record. */
  end: number;
  readonly tail: Tail;
  readonly followers: Set<Follower>;
}

export class Places {
  readonly #byTopic = new Map<string, readonly Place[]>();

  constructor(topics: readonly Topic[], storage: Storage) {
    for (const topic of topics) {
      const places = Array.from({ length: topic.partitions }, (_, partition) => ({
        topic,
        partition,
        end: storage.bounds(topic, partition).end,
        tail: new Tail(),
        followers: new Set<Follower>(),
      }));
      this.#byTopic.set(topic.name, places);
    }
  }

  ofTopic(topic: Topic): readonly Place[] {
    const places = this.#byTopic.get(topic.name);
    if (places === undefined) throw new Error(`The log was opened without the topic "${topic.name}"; give it to the log's topics.`);
    return places;
  }

  at(topic: Topic, partition: number): Place {
    const place = this.ofTopic(topic)[partition];
    if (place === undefined) throw new RangeError(`Topic "${topic.name}" has partitions 0 to ${topic.partitions - 1}, not ${partition}.`);
    return place;
  }

  of(output: Output): Place {
    const places = this.ofTopic(output.topic);
    return places[partitionOf(output.key, places.length)] as Place;
  }
}

/** The smallest offset that some follower still wants; what is before it need not stay in memory. */
export function trimTail(place: Place): void {
  let wanted = place.end;
  for (const follower of place.followers) if (follower.next < wanted) wanted = follower.next;
  place.tail.trim(wanted);
}
