/**
 * The suppression list, as a port: to whom nothing is sent, and why. Its suite is suppressions.suite.ts.
 *
 * Entries are known by the name of whom they are about (platform/ledger/reach.ts). What a write has answered survives a power loss. Times
 * are epoch milliseconds; of one name each change has a later time than the one before, which is how the ledger tells their order.
 */
import type { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import type { SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Place } from "#platform/page.ts";

export interface Who {
  /** A UUID. */
  readonly whom: string;
  /** Empty with an address. */
  readonly userId: string;
  /** Unspecified with a person, as the address is empty. */
  readonly channel: Channel;
  readonly address: string;
}

export interface Entry extends Who {
  readonly reason: SuppressionReason;
  readonly atMs: number;
}

export interface SuppressionStore {
  /** The entry as it is from then on: the one that was there before, if there was. */
  add(environment: string, who: Who, reason: SuppressionReason, nowMs: number): Promise<Entry>;
  /**
   * When it was taken off the list, now or, `removed` being false, before; undefined: nothing is known of it, or it was put on after
   * `addedByMs` and stays. Default: whenever it was.
   */
  remove(
    environment: string,
    whom: string,
    nowMs: number,
    addedByMs?: number,
  ): Promise<{ readonly atMs: number; readonly removed: boolean } | undefined>;
  /** Those that are on the list, in no order. */
  among(environment: string, whoms: readonly string[]): Promise<readonly Entry[]>;
  /** Newest first, those after the place; `reason` unspecified: any. */
  list(environment: string, reason: SuppressionReason, after: Place, limit: number): Promise<readonly Entry[]>;
  /** Forgets what was taken off before, at most so many; answers how many. */
  sweep(beforeMs: number, limit: number): Promise<number>;
}
