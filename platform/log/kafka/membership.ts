/**
 * A member of a consumer group on Kafka, through as many sessions as it takes.
 *
 * - A join of the group puts everything in question: what this member keeps goes on under its epoch, what it loses is revoked, what is new
 *   is assigned when its position is known.
 * - Positions are committed a few times a second, one commit at a time, and only of what is held.
 * - A topic that was deleted and made again is begun anew, since it counts from 0.
 * - Who has not been heard by the coordinator for long may have lost everything without knowing: until it is heard again, nothing is handed
 *   over and nothing is settled.
 */
import type { EachBatchPayload, Kafka, KafkaMessage } from "kafkajs";
import type { Logger } from "pino";
import { Problem } from "#domain/errors.ts";
import type { Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import { Deliveries } from "../delivery.ts";
import type { Assignment, Member, Membership, Output, Position } from "../log.ts";
import { type Claim, stickyAssigner } from "./assigner.ts";
import { Commits } from "./commits.ts";
import { unavailable } from "./failures.ts";
import { Held } from "./held.ts";
import { fetchedFrom } from "./internals.ts";
import type { Names } from "./names.ts";
import type { Offsets } from "./offsets.ts";
import { recordOf } from "./records.ts";
import { HEARTBEAT_MS, SESSION_MS, Session } from "./session.ts";

export interface MembershipNeeds {
  readonly client: Kafka;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly names: Names;
  readonly offsets: Offsets;
  readonly group: string;
  readonly topics: readonly Topic[];
  readonly member: Member;
  append(outputs: readonly Output[]): Promise<void>;
  /** Higher than all that were answered before. */
  nextEpoch(): number;
}

/** Of the session: after that somebody else may hold what this member held. */
const FRESH_SHARE = 0.6;
/** Values in stock over all partitions, at most; beyond it fetching stands still. */
const MOST_STOCK_BYTES = 16 * 1024 * 1024;
/** Between a fetch that brought something and the next. A record that comes after a pause waits for nothing. */
const GATHER_MS = 15;
/** A rebalance may take a minute of not being heard; what takes longer has got stuck. */
const STUCK_MS = 90_000;
const LOOK_MS = 10_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

export class GroupMember implements Membership {
  readonly #needs: MembershipNeeds;
  readonly #deliveries = new Deliveries();
  readonly #topics: ReadonlyMap<string, Topic>;
  readonly #held = new Map<string, Held>();
  readonly #stop = new AbortController();
  readonly #joined = Promise.withResolvers<void>();
  readonly #commits: Commits;
  #session: Session | undefined;
  #memberId: string | undefined;
  /** Resolves when what the last join gave has been told. */
  #taken: Promise<void> = Promise.resolve();
  /** Grows with each join: what was begun for an earlier one is out of date. */
  #joins = 0;
  #heardMs = 0;
  #stockBytes = 0;
  /** Aborts when there is room in stock again. */
  #full: AbortController | undefined;
  #gathering: Promise<void> | undefined;
  #failures = 0;
  #left: Promise<void> | undefined;

  constructor(needs: MembershipNeeds) {
    this.#needs = needs;
    this.#topics = new Map(needs.topics.map((topic) => [needs.names.of(topic), topic]));
    this.#commits = new Commits({
      clock: needs.clock,
      signal: this.#stop.signal,
      held: () => this.#held.values(),
      session: () => this.#session,
      failed: (error) => needs.logger.debug({ group: needs.group, error: messageOf(error) }, "positions not committed"),
    });
  }

  get group(): string {
    return this.#needs.group;
  }

  /** Resolves when the group has taken it in and its assignments have been told. */
  join(): Promise<void> {
    void this.#begin();
    void this.#watch();
    return this.#joined.promise;
  }

  get holdsNothing(): boolean {
    return this.#held.size === 0;
  }

  /** Whether the coordinator has heard of this member lately. */
  get isFresh(): boolean {
    return this.#needs.clock.nowMs() - this.#heardMs <= SESSION_MS * FRESH_SHARE;
  }

  async settle(outputs: readonly Output[], positions: readonly Position[]): Promise<void> {
    const moves: { readonly held: Held; readonly next: number }[] = [];
    for (const { topic, partition, epoch, next } of positions) {
      const held = this.#heldAs({ topic, partition, epoch });
      if (held === undefined) continue;
      if (next > held.delivered)
        throw new RangeError(`Only ${held.delivered} of ${topic.name}/${partition} has been delivered, so ${next} cannot be settled.`);
      moves.push({ held, next });
    }
    if (moves.length > 0 && !this.isFresh)
      throw unavailable(new Error(`The group ${this.group} has not been heard from; its partitions may be another member's.`));
    if (outputs.length > 0) await this.#needs.append(outputs);
    for (const { held, next } of moves) held.settle(next);
    if (moves.length > 0) void this.#commits.soon();
  }

  pause(assignment: Assignment): void {
    this.#heldAs(assignment)?.pause();
  }

  resume(assignment: Assignment): void {
    this.#heldAs(assignment)?.resume();
  }

  /** What was settled so far is committed; nothing is told any more, but that everything is revoked. */
  leave(): Promise<void> {
    this.#left ??= this.#leave(true);
    return this.#left;
  }

  /** Leaves without a word to the member. */
  close(): Promise<void> {
    this.#left ??= this.#leave(false);
    return this.#left;
  }

  /** Tries to commit what has been settled so far. */
  commit(): Promise<void> {
    return this.#commits.now();
  }

  async #leave(tells: boolean): Promise<void> {
    this.#stop.abort();
    this.#deliveries.stop();
    this.#joined.reject(new Problem("DRAINING"));
    this.#joined.promise.catch(() => {});
    const held = [...this.#held.values()];
    if (tells && held.length > 0) this.#needs.member.revoked(held.map(({ assignment }) => assignment));
    await this.#commits.last();
    const session = this.#session;
    this.#session = undefined;
    this.#revoke([...this.#held.values()], false);
    await session?.end();
  }

  async #watch(): Promise<void> {
    const { clock } = this.#needs;
    while (!this.#stop.signal.aborted) {
      await clock.sleep(LOOK_MS, this.#stop.signal);
      if (this.#session) void this.#renew(this.#session);
      if (clock.nowMs() - this.#heardMs > STUCK_MS) this.#session?.giveUp(new Error("the group has not been heard from"));
    }
  }

  async #begin(): Promise<void> {
    this.#heardMs = this.#needs.clock.nowMs();
    const { client, clock, group, topics, names } = this.#needs;
    const partitions = new Map(topics.map((topic) => [names.of(topic), topic.partitions]));
    const session: Session = new Session({
      ...{ client, clock, group, topics: [...partitions.keys()] },
      assigner: stickyAssigner({ topics: partitions, claims: () => this.#claims() }),
      events: {
        joined: (memberId, assignment) => this.#joinedAs(session, memberId, assignment),
        rebalancing: () => void this.#commits.atOnce(),
        heard: () => this.#heard(),
        batch: (payload) => this.#batch(session, payload),
        passed: (topic, partition, first, last) => {
          const held = this.#held.get(`${topic}/${partition}`);
          if (held?.next === first) held.skip(last + 1);
        },
        broken: (error) => void this.#broken(session, error),
      },
    });
    this.#session = session;
    await session.begin();
  }

  async #broken(session: Session, error: unknown): Promise<void> {
    if (this.#session !== session) return;
    const { clock, logger, group } = this.#needs;
    this.#session = undefined;
    this.#memberId = undefined;
    this.#joins++;
    this.#revoke([...this.#held.values()], true);
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS);
    logger.warn({ group, error: messageOf(error), pauseMs }, "the group is not reached, trying again");
    await clock.sleep(pauseMs, this.#stop.signal);
    if (!this.#stop.signal.aborted) await this.#begin();
  }

  #heard(): void {
    const wasFresh = this.isFresh;
    this.#heardMs = this.#needs.clock.nowMs();
    this.#failures = 0;
    if (!wasFresh) for (const held of this.#held.values()) held.wake();
  }

  #joinedAs(session: Session, memberId: string, assignment: Readonly<Record<string, readonly number[]>>): void {
    if (this.#session !== session) return;
    const isSame = memberId === this.#memberId;
    this.#memberId = memberId;
    const given = new Map<string, { topic: Topic; name: string; partition: number }>();
    for (const [name, partitions] of Object.entries(assignment)) {
      const topic = this.#topics.get(name);
      if (topic) for (const partition of partitions) given.set(`${name}/${partition}`, { topic, name, partition });
    }
    this.#revoke(
      [...this.#held].filter(([place]) => !isSame || !given.has(place)).map(([, held]) => held),
      true,
    );
    // Kafkajs would begin anew at what is committed.
    for (const { name, assignment, next } of this.#held.values()) session.seek(name, assignment.partition, next);
    const join = ++this.#joins;
    const gained = [...given].filter(([place]) => !this.#held.has(place)).map(([, each]) => each);
    this.#taken = this.#take(session, join, gained);
    this.#heard();
    void this.#renew(session);
  }

  async #take(session: Session, join: number, gained: readonly { topic: Topic; name: string; partition: number }[]): Promise<void> {
    const isCurrent = () => this.#joins === join && this.#session === session;
    const positions = gained.length === 0 ? [] : await this.#positions(gained, isCurrent);
    if (positions === undefined || !isCurrent()) return;
    const epoch = gained.length === 0 ? 0 : this.#needs.nextEpoch();
    const taken = gained.map(({ topic, name, partition }) => {
      const position = positions.find((each) => each.topic === topic && each.partition === partition)?.next ?? 0;
      return this.#hold(session, name, { topic, partition, epoch, position });
    });
    if (taken.length > 0) this.#needs.member.assigned(taken.map(({ assignment }) => assignment));
    this.#joined.resolve();
  }

  /** Undefined when they are not wanted any more. */
  async #positions(gained: readonly { topic: Topic }[], isCurrent: () => boolean) {
    const { offsets, group, clock, logger } = this.#needs;
    const topics = [...new Set(gained.map(({ topic }) => topic))];
    for (let failures = 0; isCurrent(); failures++) {
      try {
        return await offsets.places(group, topics);
      } catch (error) {
        logger.warn({ group, error: messageOf(error) }, "positions not read, trying again");
        await clock.sleep(Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS), this.#stop.signal);
      }
    }
    return undefined;
  }

  #hold(session: Session, name: string, assignment: Assignment): Held {
    const held = new Held(name, assignment, {
      member: this.#needs.member,
      deliveries: this.#deliveries,
      fetching: ({ name, assignment: { partition } }, on) => session.fetching(name, partition, on),
      stocked: (bytes) => {
        this.#stockBytes += bytes;
        if (this.#stockBytes >= MOST_STOCK_BYTES) return;
        this.#full?.abort();
        this.#full = undefined;
      },
      isFresh: () => this.isFresh,
    });
    this.#held.set(`${name}/${assignment.partition}`, held);
    // Kafkajs remembers a pause from when this partition was held before.
    session.fetching(name, assignment.partition, true);
    return held;
  }

  async #batch(session: Session, { batch, resolveOffset, heartbeat }: EachBatchPayload): Promise<void> {
    await this.#taken;
    const held = this.#held.get(`${batch.topic}/${batch.partition}`);
    if (held === undefined || this.#session !== session) return;
    if (fetchedFrom(batch) !== held.next) {
      await this.#misplaced(session, held);
      return;
    }
    const { topic, partition } = held.assignment;
    const last = batch.messages.at(-1) as KafkaMessage;
    resolveOffset(last.offset);
    held.push(
      batch.messages.map((message) => recordOf(topic, partition, message)),
      Number(batch.lastOffset()) + 1,
    );
    await this.#gathered();
    while (this.#stockBytes >= MOST_STOCK_BYTES && !session.ended) {
      await this.#room();
      await heartbeat();
    }
  }

  /** What came in one fetch waits together; nothing is fetched meanwhile, so that the next fetch brings more. */
  #gathered(): Promise<void> {
    const { clock, member } = this.#needs;
    this.#gathering ??= clock.sleep(member.gatherMs ?? GATHER_MS, this.#stop.signal).then(() => {
      this.#gathering = undefined;
    });
    return this.#gathering;
  }

  /** Resolves when there is room again, or it is time for a heartbeat. */
  async #room(): Promise<void> {
    this.#full ??= new AbortController();
    await this.#needs.clock.sleep(HEARTBEAT_MS, this.#full.signal);
  }

  /** A batch that does not go on where the last one ended: fetched too early or too late, or retention has taken what was next. */
  async #misplaced(session: Session, held: Held): Promise<void> {
    const { name, assignment } = held;
    const { topic, partition } = assignment;
    const { start, end } = await this.#needs.offsets.bounds(topic, partition);
    if (this.#held.get(`${name}/${partition}`) !== held || this.#session !== session) return;
    if (held.next >= start && held.next <= end) {
      session.seek(name, partition, held.next);
      return;
    }
    this.#needs.logger.warn({ topic: topic.name, partition, next: held.next, start, end }, "records are gone before they were read");
    this.#anew(session, held, start);
  }

  /** Of a topic that was made again since, what had been read and settled says nothing. */
  async #renew(session: Session): Promise<void> {
    const { offsets, topics, group, logger } = this.#needs;
    await this.#taken;
    const ids = await offsets.ids(topics).catch(() => new Map<string, string>());
    if (this.#session !== session) return;
    for (const held of [...this.#held.values()]) {
      const id = ids.get(held.name);
      if (id === undefined) continue;
      held.topicId ??= id;
      if (held.topicId === id) continue;
      logger.warn(
        { group, topic: held.name, partition: held.assignment.partition },
        "the topic was made again, reading it from its beginning",
      );
      this.#anew(session, held, 0).topicId = id;
    }
  }

  #anew(session: Session, held: Held, position: number): Held {
    const { name, assignment } = held;
    const { topic, partition } = assignment;
    this.#revoke([held], true);
    const anew = this.#hold(session, name, { topic, partition, epoch: this.#needs.nextEpoch(), position });
    session.seek(name, partition, position);
    this.#needs.member.assigned([anew.assignment]);
    return anew;
  }

  #revoke(lost: readonly Held[], tells: boolean): void {
    if (lost.length === 0) return;
    for (const held of lost) {
      this.#held.delete(`${held.name}/${held.assignment.partition}`);
      held.lose();
    }
    if (tells) this.#needs.member.revoked(lost.map(({ assignment }) => assignment));
  }

  #heldAs({ topic, partition, epoch }: Pick<Assignment, "topic" | "partition" | "epoch">): Held | undefined {
    const held = this.#held.get(`${this.#needs.names.of(topic)}/${partition}`);
    return held?.assignment.epoch === epoch ? held : undefined;
  }

  #claims(): readonly Claim[] {
    const claims = new Map<string, Claim>();
    for (const { assignment } of this.#held.values()) {
      const { topic, partition: index, epoch } = assignment;
      claims.set(`${topic.partitions}/${index}`, { of: topic.partitions, index, epoch });
    }
    return [...claims.values()];
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
