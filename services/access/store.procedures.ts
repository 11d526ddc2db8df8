/** Environments and keys, in the writer thread. */
import type { Row, Sql } from "#platform/sqlite/sqlite.ts";
import type { EnvironmentRecord, KeyRecord, NewKey } from "./store.ts";
import { isUsable } from "./usable.ts";

export const keyOf = (row: Row): KeyRecord => ({
  prefix: row.prefix as string,
  hash: row.hash as Uint8Array,
  environment: row.environment as string,
  name: row.name as string,
  scopes: JSON.parse(row.scopes as string),
  createdAtMs: Number(row.created_at_ms),
  expiresAtMs: Number(row.expires_at_ms),
  revokedAtMs: Number(row.revoked_at_ms),
  lastUsedAtMs: Number(row.last_used_at_ms),
});

const addEnvironment = (sql: Sql, { name, kind, home, createdAtMs }: EnvironmentRecord): void => {
  sql.run("add-environment", name, kind, home ? 1 : 0, createdAtMs);
};

const addKey = (sql: Sql, key: NewKey): void => {
  const { prefix, hash, environment, name, scopes, createdAtMs, expiresAtMs } = key;
  sql.run("add-key", prefix, hash, environment, name, JSON.stringify(scopes), createdAtMs, expiresAtMs);
};

const usable = (sql: Sql, { environment, createdAtMs }: NewKey): number => Number(sql.get("count-usable", environment, createdAtMs)?.count);

export default {
  createEnvironment(sql: Sql, { environment, most }: { environment: EnvironmentRecord; most: number }): "made" | "taken" | "full" {
    if (sql.get("environment", environment.name)) return "taken";
    if (Number(sql.get("count-environments")?.count) >= most) return "full";
    addEnvironment(sql, environment);
    return "made";
  },

  createFirst(sql: Sql, { environment, key }: { environment: EnvironmentRecord; key: NewKey }): boolean {
    if (sql.get("any-key")) return false;
    if (sql.get("environment", environment.name)) sql.run("make-home", environment.name);
    else addEnvironment(sql, environment);
    addKey(sql, key);
    return true;
  },

  createKey(sql: Sql, { key, most }: { key: NewKey; most: number }): boolean {
    if (usable(sql, key) >= most) return false;
    addKey(sql, key);
    return true;
  },

  replaceKey(
    sql: Sql,
    { prefix, endsAtMs, key, most }: { prefix: string; endsAtMs: number; key: NewKey; most: number },
  ): "replaced" | "ended" | "full" {
    const row = sql.get("key", prefix);
    if (!row || !isUsable(keyOf(row), key.createdAtMs)) return "ended";
    const leaving = endsAtMs <= key.createdAtMs ? 1 : 0;
    if (usable(sql, key) - leaving >= most) return "full";
    sql.run("end-key", prefix, endsAtMs);
    addKey(sql, key);
    return "replaced";
  },

  revokeKey(sql: Sql, { prefix, nowMs }: { prefix: string; nowMs: number }): void {
    sql.run("revoke", prefix, nowMs);
  },

  touchKey(sql: Sql, { prefix, usedAtMs }: { prefix: string; usedAtMs: number }): void {
    sql.run("touch", prefix, usedAtMs);
  },
};
