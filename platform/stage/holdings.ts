/** The assignments that the log has given this process, a lane each, with reading ahead kept within bounds by pause and resume. */
import type { Assignment, LogRecord, Member, Membership } from "#platform/log/log.ts";
import { type Entry, Lane, type LaneEvents } from "./lane.ts";
import type { StageMetrics } from "./metrics.ts";
import type { Turns } from "./turns.ts";

/** A lane that holds more is paused until it holds half. */
const WAITING_MOST_BYTES = 2 * 1_024 * 1_024;

export interface HoldingsNeeds<In> {
  readonly waitingMost: number;
  readonly gatherMs: number | undefined;
  readonly oneInFlightPerKey: boolean;
  readonly turns: Turns<In>;
  readonly metrics: StageMetrics;
  readonly events: LaneEvents<In>;
  /** The lane is gone; nobody holds these entries of it, and they will not be handed out again. */
  lost(lane: Lane<In>, forgotten: readonly Entry<In>[]): void;
  /** The lanes are others than before. */
  changed(): void;
}

export class Holdings<In> implements Member {
  readonly gatherMs: number | undefined;
  readonly #needs: HoldingsNeeds<In>;
  readonly #lanes = new Map<string, Lane<In>>();
  #membership: Membership | undefined;
  #closed = false;

  constructor(needs: HoldingsNeeds<In>) {
    this.#needs = needs;
    this.gatherMs = needs.gatherMs;
  }

  joined(membership: Membership): void {
    this.#membership = membership;
    this.fitAll();
  }

  /** From now on nothing more is taken in. */
  close(): void {
    this.#closed = true;
  }

  lanes(): readonly Lane<In>[] {
    return [...this.#lanes.values()];
  }

  assigned(assignments: readonly Assignment[]): void {
    const { oneInFlightPerKey, events, metrics } = this.#needs;
    for (const assignment of assignments) {
      this.#lose(placeOf(assignment));
      this.#lanes.set(placeOf(assignment), new Lane(assignment, { oneInFlightPerKey, events, tally: metrics.tally(assignment.topic) }));
    }
    this.#needs.changed();
  }

  revoked(assignments: readonly Assignment[]): void {
    for (const assignment of assignments)
      if (this.#lanes.get(placeOf(assignment))?.assignment.epoch === assignment.epoch) this.#lose(placeOf(assignment));
    this.#needs.changed();
  }

  deliver(assignment: Assignment, records: readonly LogRecord[]): void {
    const lane = this.#lanes.get(placeOf(assignment));
    if (this.#closed || lane?.assignment.epoch !== assignment.epoch) return;
    lane.push(records);
    this.fit(lane);
    this.#needs.events.ready(lane);
  }

  /** Pauses a lane that holds much, resumes one that holds little. */
  fit(lane: Lane<In>): void {
    const most = this.#needs.waitingMost;
    if (!lane.paused && (lane.waiting >= most || lane.waitingBytes >= WAITING_MOST_BYTES)) {
      if (!this.#membership) return;
      lane.paused = true;
      this.#membership.pause(lane.assignment);
    } else if (lane.paused && !lane.lost && lane.waiting * 2 <= most && lane.waitingBytes * 2 <= WAITING_MOST_BYTES) {
      lane.paused = false;
      this.#membership?.resume(lane.assignment);
    }
  }

  fitAll(): void {
    for (const lane of this.#lanes.values()) this.fit(lane);
  }

  #lose(place: string): void {
    const lane = this.#lanes.get(place);
    if (!lane) return;
    this.#lanes.delete(place);
    this.#needs.turns.leave(lane);
    this.#needs.lost(lane, lane.lose());
  }
}

const placeOf = ({ topic, partition }: Assignment) => `${topic.name}/${partition}`;
