/** Environments and keys in SQLite. A key is read anew for every call: what was revoked is so for the very next one. */
import type { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import type { Database, Row } from "#platform/sqlite/sqlite.ts";
import type procedures from "./store.procedures.ts";
import { keyOf } from "./store.procedures.ts";
import type { AccessStore, EnvironmentRecord } from "./store.ts";

export async function sqliteAccessStore(database: Database): Promise<AccessStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));
  const durable = { durable: true };
  return {
    createEnvironment: (environment, most) => calls.createEnvironment({ environment, most }, durable),
    async findEnvironment(name) {
      const row = reads.get("environment", name);
      return row && environmentOf(row);
    },
    listEnvironments: async () => reads.all("environments").map(environmentOf),
    createFirst: (environment, key) => calls.createFirst({ environment, key }, durable),
    createKey: (key, most) => calls.createKey({ key, most }, durable),
    async findKey(prefix) {
      const row = reads.get("key", prefix);
      return row && keyOf(row);
    },
    listKeys: async (environment, sinceMs, limit) => reads.all("keys", environment, sinceMs, limit).map(keyOf),
    replaceKey: (prefix, endsAtMs, key, most) => calls.replaceKey({ prefix, endsAtMs, key, most }, durable),
    revokeKey: (prefix, nowMs) => calls.revokeKey({ prefix, nowMs }, durable),
    touchKey: (prefix, usedAtMs) => calls.touchKey({ prefix, usedAtMs }),
  };
}

const environmentOf = (row: Row): EnvironmentRecord => ({
  name: row.name as string,
  kind: Number(row.kind) as EnvironmentKind,
  home: row.home === 1,
  createdAtMs: Number(row.created_at_ms),
});
