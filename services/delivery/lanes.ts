/**
 * The lanes of a channel: which one a record is of, how much each is worth, and a queue that goes by it.
 *
 * High before medium before low, but no lane ever waits for an empty one, and none is left out for ever: smooth weighted round robin, as
 * records are handed out (platform/stage/turns.ts). Within a lane, who has waited before goes before who has not.
 */
import * as topics from "#domain/topics.ts";
import { type ByLane, type Lane, lanes } from "#platform/limits/bucket.ts";

const worth: ByLane<number> = { high: 16, medium: 4, low: 1 };

export const weights = new Map(lanes.map((lane) => [topics.email[lane], worth[lane]]));

const byTopic = new Map(lanes.map((lane) => [topics.email[lane].name, lane]));
export const laneOf = (topic: topics.Topic): Lane => byTopic.get(topic.name) ?? "medium";

export const eachLane = <T>(of: (lane: Lane) => T): Record<Lane, T> => ({ high: of("high"), medium: of("medium"), low: of("low") });

export interface Queued {
  readonly lane: Lane;
  /** Has waited before. */
  readonly again: boolean;
  /** May be sent at most once. */
  readonly atMostOnce?: boolean;
}

type Sizes = Record<Lane, number>;
type May = (lane: Lane) => boolean;
type Passes<T> = (item: T) => boolean;

export class LaneQueue<T extends Queued> {
  /** In each lane those that have waited before, then the others. */
  readonly #waiting = eachLane(() => ({ again: new Set<T>(), fresh: new Set<T>() }));
  #credits: Sizes = eachLane(() => 0);

  get size(): number {
    return lanes.reduce((sum, lane) => sum + this.#sizeOf(lane), 0);
  }

  add(item: T): void {
    this.#placeOf(item).add(item);
  }

  /** Whether it was there. */
  remove(item: T): boolean {
    return this.#placeOf(item).delete(item);
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const lane of lanes) for (const set of Object.values(this.#waiting[lane])) yield* set;
  }

  /** How many of its own and higher lanes would be before one that came now. */
  ahead({ lane, again }: Queued): number {
    const higher = lanes.slice(0, lanes.indexOf(lane)).reduce((sum, each) => sum + this.#sizeOf(each), 0);
    return higher + (again ? this.#waiting[lane].again.size : this.#sizeOf(lane));
  }

  /** Whether there is one that passes. */
  has(passes?: Passes<T>): boolean {
    return lanes.some((lane) => this.#firstOf(lane, passes) !== undefined);
  }

  /** Takes the next one of the lanes that may; who does not pass is not there. `contends`: it has its share coming all the same. */
  next(may: May, contends: May = may, passes?: Passes<T>): T | undefined {
    const sizes = (of: May) => eachLane((each) => (of(each) ? this.#sizeOf(each, passes) : 0));
    const contending = contends === may ? undefined : sizes((each) => may(each) || contends(each));
    const lane = turn(sizes(may), this.#credits, contending);
    if (!lane) return undefined;
    const item = this.#firstOf(lane, passes);
    this.remove(item as T);
    return item;
  }

  /** Of which lanes the next `count` would be. */
  peek(count: number, may: May, passes?: Passes<T>): Sizes {
    const credits = { ...this.#credits };
    const left = eachLane((lane) => (may(lane) ? this.#sizeOf(lane, passes) : 0));
    const found = eachLane(() => 0);
    for (let lane = turn(left, credits), more = count; lane && more > 0; lane = --more > 0 ? turn(left, credits) : undefined) {
      left[lane]--;
      found[lane]++;
    }
    return found;
  }

  #sizeOf(lane: Lane, passes?: Passes<T>): number {
    const { again, fresh } = this.#waiting[lane];
    if (!passes) return again.size + fresh.size;
    return [...again, ...fresh].filter(passes).length;
  }

  #firstOf(lane: Lane, passes: Passes<T> = () => true): T | undefined {
    const { again, fresh } = this.#waiting[lane];
    for (const set of [again, fresh]) for (const item of set) if (passes(item)) return item;
    return undefined;
  }

  #placeOf({ lane, again }: Queued): Set<T> {
    return this.#waiting[lane][again ? "again" : "fresh"];
  }
}

/** Whose turn it is among those with something, and what that costs them against those that contend. */
function turn(sizes: Readonly<Sizes>, credits: Sizes, contending: Readonly<Sizes> = sizes): Lane | undefined {
  const most = (best: Lane | undefined, lane: Lane) => (best && credits[best] + worth[best] >= credits[lane] + worth[lane] ? best : lane);
  const picked = lanes.filter((lane) => sizes[lane] > 0).reduce<Lane | undefined>(most, undefined);
  if (!picked) return undefined;
  for (const lane of lanes) {
    if (contending[lane] === 0) continue;
    credits[lane] += worth[lane];
    credits[picked] -= worth[lane];
  }
  return picked;
}
