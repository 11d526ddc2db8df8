/**
 * The schedule in MySQL, shared by any number of schedulers: what one of them is answered as due is its own for half a minute, and the
 * others go on behind it. One that dies leaves its waits to the others when that time is over; what it had appended comes twice then.
 *
 * A scheduler is answered its own again, so that a failed append is repeated at once.
 */
import type { Mysql } from "#platform/mysql/mysql.ts";
import { fitting, waitOf } from "./store.rows.ts";
import type { ScheduleStore } from "./store.ts";

const HELD_MS = 30_000;

/** `worker` is unique per process start. */
export async function mysqlScheduleStore(mysql: Mysql, worker: string): Promise<ScheduleStore> {
  const tables = await mysql.tables(new URL("./store.mysql.sql", import.meta.url));
  return {
    async put(waits) {
      await tables.run(
        "put",
        waits.map(({ id, dueAtMs, topic, key, value, trace }) => [id, dueAtMs, topic, key, value, trace]),
      );
    },
    async due(nowMs, limit) {
      const held = await tables.transaction(async (sql) => {
        const found = await sql.all("lock-due", nowMs, nowMs, worker, limit);
        const page = found.slice(0, fitting(found.map(({ bytes }) => Number(bytes)))).map(({ seq }) => Number(seq));
        await sql.run("hold", worker, nowMs + HELD_MS, page);
        return page;
      });
      return (await tables.all("held", held)).map(waitOf);
    },
    async nextDueMs() {
      const dueAtMs = (await tables.get("next-due"))?.due_at_ms;
      return dueAtMs === null || dueAtMs === undefined ? undefined : Number(dueAtMs);
    },
    remove: async (ids) => void (await tables.run("remove", ids)),
  };
}
