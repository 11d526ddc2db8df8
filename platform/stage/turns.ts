/**
 * Whose turn it is: topics by weight, and within a topic its lanes in turn, one record each.
 *
 * Smooth weighted round robin (as in nginx): each pick gives every topic that has something its weight as credit and charges the one picked
 * the sum, so 16:4:1 comes out evenly mixed, and an empty topic costs the others nothing.
 */
import type { Topic } from "#domain/topics.ts";
import type { Entry, Lane } from "./lane.ts";

export interface TurnsNeeds<In> {
  readonly reads: readonly Topic[];
  readonly weights: ReadonlyMap<Topic, number> | undefined;
  /** Records a lane may take beyond its watermark. */
  readonly span: number;
  /** Whether the window has room for one more of this lane. */
  mayTake(lane: Lane<In>): boolean;
}

interface Ring<In> {
  readonly topic: Topic;
  readonly weight: number;
  credit: number;
  readonly lanes: Lane<In>[];
  /** Whose turn is next. */
  at: number;
}

export class Turns<In> {
  readonly #rings: readonly Ring<In>[];
  readonly #needs: TurnsNeeds<In>;

  constructor(needs: TurnsNeeds<In>) {
    const { reads, weights } = needs;
    this.#needs = needs;
    this.#rings = reads.map((topic) => ({ topic, weight: weights?.get(topic) ?? 1, credit: 0, lanes: [], at: 0 }));
  }

  /** The lane may have something to take. */
  enter(lane: Lane<In>): void {
    if (lane.inRound || lane.lost) return;
    lane.inRound = true;
    this.#rings.find((ring) => ring.topic.name === lane.assignment.topic.name)?.lanes.push(lane);
  }

  leave(lane: Lane<In>): void {
    for (const ring of this.#rings) {
      const place = ring.lanes.indexOf(lane);
      if (place >= 0) remove(ring, place);
    }
  }

  next(): Entry<In> | undefined {
    for (let ring = this.#pick(); ring; ring = this.#pick()) {
      const entry = this.#take(ring);
      if (!entry) continue;
      this.#charge(ring);
      return entry;
    }
    return undefined;
  }

  #pick(): Ring<In> | undefined {
    let best: Ring<In> | undefined;
    for (const ring of this.#rings)
      if (ring.lanes.length > 0 && (!best || ring.credit + ring.weight > best.credit + best.weight)) best = ring;
    return best;
  }

  #charge(picked: Ring<In>): void {
    if (this.#rings.length === 1) return;
    let sum = 0;
    for (const ring of this.#rings) {
      if (ring.lanes.length === 0 && ring !== picked) continue;
      ring.credit += ring.weight;
      sum += ring.weight;
    }
    picked.credit -= sum;
  }

  /** Lanes that turn out dry, or for which there is no room, leave the round. */
  #take(ring: Ring<In>): Entry<In> | undefined {
    while (ring.lanes.length > 0) {
      if (ring.at >= ring.lanes.length) ring.at = 0;
      const lane = ring.lanes[ring.at] as Lane<In>;
      const entry = this.#needs.mayTake(lane) ? lane.take(this.#needs.span) : undefined;
      if (entry) {
        ring.at++;
        return entry;
      }
      remove(ring, ring.at);
    }
    return undefined;
  }
}

function remove<In>(ring: Ring<In>, place: number): void {
  const [lane] = ring.lanes.splice(place, 1);
  if (lane) lane.inRound = false;
  if (place < ring.at) ring.at--;
}
