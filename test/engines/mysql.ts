/** A database of a test's own, on the MySQL or MariaDB that the engines project is given, and clients of it. */
import { randomBytes } from "node:crypto";
import { type Connection, createConnection } from "mysql2/promise";
import { pino } from "pino";
import { inject } from "vitest";
import { systemClock } from "#platform/clock.ts";
import type { Mysql, MysqlNeeds } from "#platform/mysql/mysql.ts";
import { openMysql } from "#platform/mysql/open.ts";
import type {} from "./addresses.ts";

export interface TestDatabase {
  readonly url: string;
  /** Says what no adapter would: who is connected, whom to kill, what the tables really hold. */
  readonly admin: Connection;
  open(more?: Partial<MysqlNeeds>): Promise<Mysql>;
  /** Closes what was opened, and drops the database. */
  end(): Promise<void>;
}

export async function testDatabase(): Promise<TestDatabase> {
  const server = inject("engines").mysql;
  const name = `test_${randomBytes(8).toString("hex")}`;
  const admin = await createConnection({ uri: server, multipleStatements: true });
  await admin.query(`CREATE DATABASE ${name}; USE ${name}`);
  const opened: Mysql[] = [];
  const url = `${server}/${name}`;
  return {
    url,
    admin,
    async open(more = {}) {
      const mysql = await openMysql({ url, clock: systemClock, logger: pino({ level: "silent" }), ...more });
      opened.push(mysql);
      return mysql;
    },
    async end() {
      for (const mysql of opened) await mysql.close();
      await admin.query(`DROP DATABASE ${name}`);
      await admin.end();
    },
  };
}
