/**
 * The schedule, as a port: waits that are kept until they are due. Its suite is store.suite.ts.
 *
 * What `put` has answered survives a crash of the process. Times are epoch milliseconds.
 */
export interface Wait {
  /** Derived from what waits and which wait it is; a wait with an id that is there already is a repeat and changes nothing. */
  readonly id: string;
  readonly dueAtMs: number;
  /** The name of the topic to append to when it is due, and the record's key and value. */
  readonly topic: string;
  readonly key: string;
  readonly value: Uint8Array;
  /** The record's traceparent; empty: none. */
  readonly trace: string;
}

export interface ScheduleStore {
  put(waits: readonly Wait[]): Promise<void>;
  /**
   * Those due at `nowMs`, the longest overdue first, of the same moment in the order put; at most `limit`, and fewer where they are large,
   * but not none. Whoever is answered a wait passes it on and removes it; until it does, or has had half a minute for it, the store of
   * another process does not answer that wait.
   */
  due(nowMs: number, limit: number): Promise<readonly Wait[]>;
  /** When the first of all falls due; it may be another process that passes it on. */
  nextDueMs(): Promise<number | undefined>;
  remove(ids: readonly string[]): Promise<void>;
}
