/** Opens the database of mysql.ts: waits for the server, says what for, and checks that it is one that we can work with. */
import { isIP } from "node:net";
import { createConnection } from "mysql2/promise";
import { DatabaseError } from "#platform/sql/errors.ts";
import { addressOf, said } from "./address.ts";
import { type ConnectionLimits, Connections, type Lent, sslOf } from "./connections.ts";
import { codeOf, isOfServer } from "./errors.ts";
import { watchHealth } from "./health.ts";
import { mysqlMetrics } from "./metrics.ts";
import { migrate } from "./migrations.ts";
import type { Mysql, MysqlNeeds } from "./mysql.ts";
import { checkVersion, refusalOf } from "./server.ts";
import { session } from "./session.ts";
import { tablesOf } from "./tables.ts";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** A table of many rows takes its time to change. */
const MIGRATION_STATEMENT_MS = 6 * 3_600_000;

/** Resolves when the server is there; rejects with a sentence where waiting does not help. */
export async function openMysql({ url, clock, logger, metrics: registry, signal, ...limits }: MysqlNeeds): Promise<Mysql> {
  const address = addressOf(url);
  const server = said(address);
  // mysql2 checks the certificate of an address without a name against "localhost".
  if (limits.tls && isIP(address.host) !== 0)
    throw new DatabaseError(`${server} must be addressed by a host's name for TLS: its certificate is checked by that.`);
  const all: ConnectionLimits = { connections: 10, connectTimeoutMs: 3_000, statementTimeoutMs: 10_000, ...limits };
  const connections = new Connections(address, all);
  const metrics = mysqlMetrics(connections, registry);

  /** Does something at the start, again and again while the server cannot. */
  const patiently = async <T>(work: (lent: Lent) => Promise<T>, statementMs?: number): Promise<T> => {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await connections.use(work, statementMs);
      } catch (error) {
        const failure = codeOf(error) === "ER_BAD_DB_ERROR" ? await createDatabase() : error;
        if (failure === undefined) continue;
        if (!isOfServer(failure)) throw failure;
        const refusal = refusalOf(failure, address);
        if (refusal) throw refusal;
        if (signal?.aborted) throw new DatabaseError(`${server} was not there yet.`);
        logger.warn({ code: codeOf(failure) }, `waiting for ${server}`);
        await clock.sleep(pauseMs, signal);
      }
    }
  };
  /** Answers why it could not. */
  const createDatabase = async (): Promise<unknown> => {
    const { database, ...rest } = address;
    try {
      const connection = await createConnection({ ...rest, ...sslOf(all), connectTimeout: all.connectTimeoutMs });
      await connection.query(session("create-database"), [database]).finally(() => connection.destroy());
      return undefined;
    } catch (error) {
      return error;
    }
  };

  try {
    const [row] = (await patiently(({ tell }) => tell(session("version")))).rows as { version: string }[];
    checkVersion(row?.version ?? "", address);
  } catch (error) {
    await connections.close();
    throw error;
  }
  const closing = new AbortController();
  const health = watchHealth(() => connections.use(({ tell }) => tell(session("ping"))), { server, clock, logger, signal: closing.signal });

  return {
    async tables(sqlFile) {
      const onWait = () => logger.info(`waiting for another process that changes the tables of ${server}`);
      await patiently((lent) => migrate(lent, sqlFile, onWait), MIGRATION_STATEMENT_MS);
      return tablesOf(sqlFile, { connections, clock, metrics });
    },
    health,
    async close() {
      closing.abort();
      await connections.close();
    },
  };
}
