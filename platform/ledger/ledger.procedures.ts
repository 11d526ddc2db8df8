/** The ledger, in the writer thread. `nowMs` is the clock of the thread that asks. */
import type { Row, Sql } from "#platform/sqlite/sqlite.ts";
import type { Barred, Cancel, DecidedBefore, Draft, Erased, Extension, Hold, Intent, Settled, Suppressed, Try, Unread } from "./ledger.ts";
import { answer, type Entry, extended, KEPT_MS, LIFTED_KEPT_MS, settled } from "./rules.ts";

const hourOf = (ms: number) => Math.floor(ms / 3_600_000);

const entryOf = (row: Row): Entry => ({
  state: row.state as Entry["state"],
  attempt: Number(row.attempt),
  wait: Number(row.wait),
  worker: row.worker as string,
  untilMs: Number(row.until_ms),
});

type Sending = Try | Settled | Extension;

const known = (sql: Sql, { environment, notificationId, deliveryId, cycle, target }: Sending): Entry | undefined => {
  const row = sql.get("send", environment, notificationId, deliveryId, cycle, target);
  return row && entryOf(row);
};

const put = (sql: Sql, { environment, notificationId, deliveryId, cycle, target }: Sending, entry: Entry, nowMs: number) => {
  const { state, attempt, wait, worker, untilMs } = entry;
  sql.run("put", environment, notificationId, deliveryId, cycle, target, state, attempt, wait, worker, untilMs, hourOf(nowMs));
};

const isCanceled = (sql: Sql, { environment, notificationId }: Draft | Try | Extension): boolean =>
  sql.get("canceled", environment, notificationId) !== undefined;

function barring(sql: Sql, asked: Try | Extension): Barred | undefined {
  if (isCanceled(sql, asked)) return "canceled";
  const { environment, reaches, acceptedAtMs } = asked;
  if (reaches.some((whom) => sql.get("suppressed", environment, whom))) return "suppressed";
  const isErased = (whom: string) => acceptedAtMs <= Number(sql.get("erased", environment, whom)?.at_ms ?? -1);
  return reaches.some(isErased) ? "erased" : undefined;
}

export default {
  /** One answer per draft: the decision that was there before; undefined: this one is the first. */
  decideOnce(
    sql: Sql,
    { drafts, nowMs }: { drafts: readonly Draft[]; nowMs: number },
  ): { readonly earlier: Uint8Array | undefined; readonly canceled: boolean }[] {
    return drafts.map((draft) => {
      const { environment, notificationId, recipient, decision } = draft;
      const first = sql.run("decide", environment, notificationId, recipient, decision, hourOf(nowMs)).changes === 1;
      const earlier = first ? undefined : (sql.get("decided", environment, notificationId, recipient)?.decision as Uint8Array);
      return { earlier, canceled: isCanceled(sql, draft) };
    });
  },

  /** The decision that is kept from then on. */
  undecide(sql: Sql, { environment, notificationId, recipient, decision, deliveryIds }: Unread): Uint8Array | undefined {
    const isTried = deliveryIds.some((id) => sql.get("states", environment, notificationId, id) !== undefined);
    if (!isTried) sql.run("undecide", environment, notificationId, recipient, decision);
    return sql.get("decided", environment, notificationId, recipient)?.decision as Uint8Array | undefined;
  },

  intend(sql: Sql, { tries, nowMs }: { tries: readonly Try[]; nowMs: number }): Intent[] {
    return tries.map((asked) => {
      const { intent, entry } = answer(known(sql, asked), asked, barring(sql, asked), nowMs);
      if (entry) put(sql, asked, entry, nowMs);
      return intent;
    });
  },

  extend(sql: Sql, { leases, nowMs }: { leases: readonly Extension[]; nowMs: number }): Hold[] {
    return leases.map((lease) => {
      const { hold, entry } = extended(known(sql, lease), lease, barring(sql, lease), nowMs);
      if (entry) put(sql, lease, entry, nowMs);
      return hold;
    });
  },

  settle(sql: Sql, { results, nowMs }: { results: readonly Settled[]; nowMs: number }): boolean[] {
    return results.map((result) => {
      const { taken, entry } = settled(known(sql, result), result);
      if (entry) put(sql, result, entry, nowMs);
      return taken;
    });
  },

  cancel(sql: Sql, { environment, notificationId, untilMs }: Cancel): DecidedBefore[] {
    sql.run("cancel", environment, notificationId, hourOf(untilMs));
    return sql
      .all("decided-before", environment, notificationId)
      .map(({ recipient, decision }) => ({ recipient: recipient as string, decision: decision as Uint8Array }));
  },

  suppress(sql: Sql, { environment, whom, suppressed, atMs }: Suppressed): void {
    sql.run("suppress", environment, whom, suppressed ? 1 : 0, atMs);
  },

  erase(sql: Sql, { environment, whom, atMs, untilMs }: Erased): void {
    sql.run("erase", environment, whom, atMs, hourOf(untilMs));
  },

  /** Answers whether there is more. */
  expire(sql: Sql, { nowMs, limit }: { nowMs: number; limit: number }): boolean {
    const decisions = sql.run("forget-decisions", hourOf(nowMs - KEPT_MS), limit).changes;
    const sends = sql.run("forget-sends", hourOf(nowMs - KEPT_MS), limit).changes;
    const cancels = sql.run("forget-cancels", hourOf(nowMs), limit).changes;
    const lifted = sql.run("forget-lifted", nowMs - LIFTED_KEPT_MS, limit).changes;
    const erasures = sql.run("forget-erasures", hourOf(nowMs), limit).changes;
    return [decisions, sends, cancels, lifted, erasures].includes(limit);
  },
};
