/** The ledger, in the writer thread. `nowMs` is the clock of the thread that asks. */
import type { Row, Sql } from "#platform/sqlite/sqlite.ts";
import type { Draft, Intent, Settled, Try } from "./ledger.ts";
import { answer, DECISIONS_KEPT_MS, type Entry, SENDS_KEPT_MS, settledEntry } from "./rules.ts";

const hourOf = (ms: number) => Math.floor(ms / 3_600_000);

const entryOf = (row: Row): Entry => ({
  state: row.state as Entry["state"],
  attempt: Number(row.attempt),
  wait: Number(row.wait),
  worker: row.worker as string,
  untilMs: Number(row.until_ms),
});

const known = (sql: Sql, { environment, deliveryId, cycle, target }: Try | Settled): Entry | undefined => {
  const row = sql.get("send", environment, deliveryId, cycle, target);
  return row && entryOf(row);
};

const put = (sql: Sql, { environment, deliveryId, cycle, target }: Try | Settled, entry: Entry, nowMs: number) => {
  const { state, attempt, wait, worker, untilMs } = entry;
  sql.run("put", environment, deliveryId, cycle, target, state, attempt, wait, worker, untilMs, hourOf(nowMs));
};

export default {
  /** The decision that was there before, one answer per draft; undefined: this one is the first. */
  decideOnce(sql: Sql, { drafts, nowMs }: { drafts: readonly Draft[]; nowMs: number }): (Uint8Array | undefined)[] {
    return drafts.map(({ environment, notificationId, recipient, decision }) => {
      if (sql.run("decide", environment, notificationId, recipient, decision, hourOf(nowMs)).changes === 1) return undefined;
      return sql.get("decided", environment, notificationId, recipient)?.decision as Uint8Array;
    });
  },

  intend(sql: Sql, { tries, nowMs }: { tries: readonly Try[]; nowMs: number }): Intent[] {
    return tries.map((asked) => {
      const { intent, entry } = answer(known(sql, asked), asked, nowMs);
      if (entry) put(sql, asked, entry, nowMs);
      return intent;
    });
  },

  settle(sql: Sql, { results, nowMs }: { results: readonly Settled[]; nowMs: number }): void {
    for (const result of results) {
      const entry = settledEntry(known(sql, result), result);
      if (entry) put(sql, result, entry, nowMs);
    }
  },

  /** Answers whether there is more. */
  expire(sql: Sql, { nowMs, limit }: { nowMs: number; limit: number }): boolean {
    const decisions = sql.run("forget-decisions", hourOf(nowMs - DECISIONS_KEPT_MS), limit).changes;
    const sends = sql.run("forget-sends", hourOf(nowMs - SENDS_KEPT_MS), limit).changes;
    return decisions === limit || sends === limit;
  },
};
