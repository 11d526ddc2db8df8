/**
 * Environments and keys in MySQL. A key is read anew for every call: what was revoked is so for the very next one, in every process.
 *
 * What is bounded by a number, and what is done once, is done by one process at a time.
 */
import type { Mysql, MysqlSql } from "#platform/mysql/mysql.ts";
import { environmentOf, keyOf } from "./store.rows.ts";
import type { AccessStore, EnvironmentRecord, NewKey } from "./store.ts";
import { isUsable } from "./usable.ts";

export async function mysqlAccessStore(mysql: Mysql): Promise<AccessStore> {
  const tables = await mysql.tables(new URL("./store.mysql.sql", import.meta.url));

  const making = <T>(work: (sql: MysqlSql) => Promise<T>): Promise<T> =>
    tables.transaction(async (sql) => {
      await sql.get("one-at-a-time");
      return work(sql);
    });

  return {
    createEnvironment: (environment, most) =>
      making(async (sql) => {
        if (await sql.get("environment", environment.name)) return "taken";
        if (Number((await sql.get("count-environments"))?.count) >= most) return "full";
        await addEnvironment(sql, environment);
        return "made";
      }),
    async findEnvironment(name) {
      const row = await tables.get("environment", name);
      return row && environmentOf(row);
    },
    listEnvironments: async () => (await tables.all("environments")).map(environmentOf),
    createFirst: (environment, key) =>
      making(async (sql) => {
        if (await sql.get("any-key")) return false;
        if (await sql.get("environment", environment.name)) await sql.run("make-home", environment.name);
        else await addEnvironment(sql, environment);
        await addKey(sql, key);
        return true;
      }),
    createKey: (key, most) =>
      making(async (sql) => {
        if ((await countUsable(sql, key)) >= most) return false;
        await addKey(sql, key);
        return true;
      }),
    async findKey(prefix) {
      const row = await tables.get("key", prefix);
      return row && keyOf(row);
    },
    listKeys: async (environment, sinceMs, limit) => (await tables.all("keys", environment, sinceMs, sinceMs, limit)).map(keyOf),
    replaceKey: (prefix, endsAtMs, key, most) =>
      making(async (sql) => {
        // Locked: a revocation in between would be of a key that has a successor already.
        const row = await sql.get("lock-key", prefix);
        if (!row || !isUsable(keyOf(row), key.createdAtMs)) return "ended";
        const leaving = endsAtMs <= key.createdAtMs ? 1 : 0;
        if ((await countUsable(sql, key)) - leaving >= most) return "full";
        await sql.run("end-key", endsAtMs, prefix, endsAtMs);
        await addKey(sql, key);
        return "replaced";
      }),
    revokeKey: async (prefix, nowMs) => void (await tables.run("revoke", nowMs, prefix)),
    touchKey: async (prefix, usedAtMs) => void (await tables.run("touch", usedAtMs, prefix, usedAtMs)),
  };
}

const addEnvironment = (sql: MysqlSql, { name, kind, home, createdAtMs }: EnvironmentRecord) =>
  sql.run("add-environment", name, kind, home ? 1 : 0, createdAtMs);

const addKey = (sql: MysqlSql, { prefix, hash, environment, name, scopes, createdAtMs, expiresAtMs }: NewKey) =>
  sql.run("add-key", prefix, hash, environment, name, JSON.stringify(scopes), createdAtMs, expiresAtMs);

const countUsable = async (sql: MysqlSql, { environment, createdAtMs }: NewKey): Promise<number> =>
  Number((await sql.get("count-usable", environment, createdAtMs))?.count);
