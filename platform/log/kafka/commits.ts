/**
 * Tells Kafka how far a group has come: a few times a second, one commit at a time, only of what is held at that moment.
 *
 * Kafka takes a position of any partition from any member, and would rewind another member's; so what to commit is looked up in the same
 * turn of the event loop in which it is sent, when whatever a join of the group has changed has been told.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "#platform/clock.ts";
import { atMost } from "./failures.ts";
import type { Held } from "./held.ts";
import type { Session } from "./session.ts";

const EVERY_MS = 250;
const LAST_MS = 3_000;

export interface CommitsNeeds {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  held(): Iterable<Held>;
  session(): Session | undefined;
  failed(error: unknown): void;
}

export class Commits {
  readonly #needs: CommitsNeeds;
  #running: Promise<void> | undefined;
  #comes = false;

  constructor(needs: CommitsNeeds) {
    this.#needs = needs;
  }

  /** Something was settled. */
  async soon(): Promise<void> {
    if (this.#comes) return;
    this.#comes = true;
    const { clock, signal } = this.#needs;
    await clock.sleep(EVERY_MS, signal);
    this.#comes = false;
    if (signal.aborted) return;
    await this.now();
    if (this.#open().length > 0) void this.soon();
  }

  /** Resolves when what is settled has been committed, or could not be. */
  async now(): Promise<void> {
    while (this.#running) await this.#running;
    this.#running = turn().then(() => this.atOnce());
    await this.#running;
    this.#running = undefined;
  }

  /** As `now`, for when there will be no other time. */
  last(): Promise<void> {
    return atMost(LAST_MS, this.#needs.clock, this.now());
  }

  /** Sends in this very turn, also when another commit is under way. What fails is tried again with the next. */
  async atOnce(): Promise<void> {
    const open = this.#open();
    const session = this.#needs.session();
    if (open.length === 0 || session === undefined) return;
    const positions = open.map((held) => ({ held, next: held.settled }));
    const topics = Map.groupBy(positions, ({ held }) => held.name);
    try {
      await session.commit(
        [...topics].map(([topic, each]) => ({
          topic,
          partitions: each.map(({ held, next }) => ({ partition: held.assignment.partition, offset: String(next) })),
        })),
      );
      for (const { held, next } of positions) held.committed = Math.max(held.committed, next);
    } catch (error) {
      this.#needs.failed(error);
    }
  }

  #open(): Held[] {
    return [...this.#needs.held()].filter(({ settled, committed }) => settled > committed);
  }
}
