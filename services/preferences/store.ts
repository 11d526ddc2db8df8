/**
 * People and what they want to hear, as a port. Its suite is store.suite.ts.
 *
 * Verbs take batches and answer one item per item, in order. What a write has answered survives a power loss. Times are epoch milliseconds.
 */
import type { QuietHours } from "#domain/decide/quiet-hours.ts";
import type { Channel } from "#gen/carillon/common/v1/common_pb.ts";

export interface PersonRecord {
  readonly userId: string;
  /** Normalised; empty: none known. */
  readonly email: string;
  readonly name: string;
  readonly locale: string;
  /** IANA; empty: not known. */
  readonly timeZone: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** What to know of a person; fields left out stay as they are. */
export interface PersonChange {
  readonly userId: string;
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  readonly locale?: string | undefined;
  readonly timeZone?: string | undefined;
}

/** What a person chose for a category, or for every category without a choice of its own ("*"). */
export interface Choice {
  readonly category: string;
  readonly muted: boolean;
  /** 0: no such time. */
  readonly mutedUntilMs: number;
  /** Empty: every channel they can be reached on. */
  readonly channels: readonly Channel[];
}

/** A person's quiet hours from now on. */
export interface QuietHoursChange {
  readonly userId: string;
  /** Undefined: none. */
  readonly hours: QuietHours | undefined;
  /** Undefined: as it is. */
  readonly timeZone: string | undefined;
}

export interface KnownPerson {
  readonly person: PersonRecord;
  /** Ordered by category. */
  readonly choices: readonly Choice[];
  readonly quietHours: QuietHours | undefined;
}

/** A person of whom more is to be deleted. */
export interface Erasure {
  readonly environment: string;
  readonly userId: string;
  readonly atMs: number;
}

export interface PreferenceStore {
  /** `updatedAtMs` moves only when something changes. */
  upsert(environment: string, changes: readonly PersonChange[], nowMs: number): Promise<readonly PersonRecord[]>;
  find(environment: string, userIds: readonly string[]): Promise<readonly (KnownPerson | undefined)[]>;
  /** Those whose id, or whose email in any case, begins so; by id, at most so many. */
  search(environment: string, prefix: string, limit: number): Promise<readonly PersonRecord[]>;
  /** Those not known yet are created with nothing but their id: one write for all of them, none when all are known. */
  findOrCreate(environment: string, userIds: readonly string[], nowMs: number): Promise<readonly KnownPerson[]>;
  /**
   * Each choice replaces an earlier one of the same person and category and creates the person if unknown. False: the person has
   * `maxChoices` other ones already, and nothing was changed.
   */
  choose(
    environment: string,
    choices: readonly { readonly userId: string; readonly choice: Choice }[],
    maxChoices: number,
    nowMs: number,
  ): Promise<readonly boolean[]>;
  /** Deletes the person with their choices, and keeps that more of them is to be deleted. Answers when: later than whatever it answered before. */
  erase(environment: string, userId: string, nowMs: number): Promise<number>;
  /** Everything of them is deleted: nothing is kept of the erasure, nor of a person who was made in the middle of it with nothing but an id. */
  finishErasure(erasure: Erasure): Promise<void>;
  /** Those begun before that are not finished. */
  erasures(beforeMs: number, limit: number): Promise<readonly Erasure[]>;
  /** Creates the person if unknown. */
  setQuietHours(environment: string, change: QuietHoursChange, nowMs: number): Promise<void>;
}
