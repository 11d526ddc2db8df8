/**
 * The pool: connections that are handed out one at a time, each told our session settings once, each wait with an end.
 *
 * mysql2's own reset on release would throw away the prepared statements and the session settings. Instead a connection comes back only
 * when its transaction has ended; one that failed on the way is not used again.
 */
import { createPool, type Pool, type PoolConnection } from "mysql2";
import { DatabaseError } from "#platform/sql/errors.ts";
import type { Address } from "./address.ts";
import { isBroken, unavailable } from "./errors.ts";
import { session } from "./session.ts";

/** Prepared per connection; the server counts those of all connections against its limit of about 16,000. */
const MOST_PREPARED = 100;
/** Who else waits for a connection is refused. */
const MOST_WAITING = 1_000;
const CLOSING_MS = 1_000;

export interface ConnectionLimits {
  readonly tls?: boolean;
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/** mysql2 does not look at the host's name unless told to. */
export const sslOf = ({ tls = false }: ConnectionLimits) => (tls ? { ssl: { rejectUnauthorized: true, verifyIdentity: true } } : {});

export interface Field {
  readonly name: string;
  readonly columnType?: number;
  readonly characterSet?: number;
}

export interface Result {
  readonly rows: unknown;
  readonly fields: readonly Field[];
}

/** A connection lent to somebody. It rejects with mysql2's errors. */
export interface Lent {
  /** Prepares the statement, once per connection, and executes it. */
  ask(text: string, values: readonly unknown[]): Promise<Result>;
  /** For what cannot be prepared, or is not worth it. */
  tell(text: string): Promise<Result>;
}

export class Connections {
  readonly #pool: Pool;
  readonly #limits: ConnectionLimits;
  /** Those that were told our settings. */
  readonly #told = new WeakSet<object>();
  #waiting = 0;
  #lent = 0;
  #isClosed = false;

  constructor({ host, port, user, password, database }: Address, limits: ConnectionLimits) {
    this.#limits = limits;
    this.#pool = createPool({
      ...{ host, port, user, password, database, charset: "UTF8MB4_BIN", timezone: "Z", ...sslOf(limits) },
      ...{ connectionLimit: limits.connections, connectTimeout: limits.connectTimeoutMs, maxPreparedStatements: MOST_PREPARED },
      ...{ waitForConnections: true, enableKeepAlive: true, keepAliveInitialDelay: 10_000 },
    });
  }

  /** How many are lent, and how many calls wait for one. */
  get counts(): { readonly lent: number; readonly waiting: number } {
    return { lent: this.#lent, waiting: this.#waiting };
  }

  /** Does the work on a connection of its own, on which a statement may take so long. */
  async use<T>(work: (connection: Lent) => Promise<T>, statementMs = this.#limits.statementTimeoutMs): Promise<T> {
    const connection = await this.#acquire();
    const lent = lend(connection, statementMs);
    this.#lent++;
    try {
      await this.#tellSettings(connection, lent);
      const result = await work(lent);
      connection.release();
      return result;
    } catch (error) {
      if (isBroken(error)) connection.destroy();
      else connection.release();
      throw error;
    } finally {
      this.#lent--;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // A server that hangs does not answer the farewell either.
    await within(
      CLOSING_MS,
      called((done) => this.#pool.end(done)),
    ).catch(() => {});
  }

  async #acquire(): Promise<PoolConnection> {
    if (this.#isClosed) throw new DatabaseError("The database is closed.");
    if (this.#waiting >= MOST_WAITING) throw unavailable(new DatabaseError(`${MOST_WAITING} calls wait for a connection already.`));
    this.#waiting++;
    // Counted until the pool has answered: it keeps those in its queue whose callers have given up.
    const asked = called<PoolConnection>((done) => this.#pool.getConnection(done)).finally(() => this.#waiting--);
    try {
      return await within(this.#limits.statementTimeoutMs, asked);
    } catch (error) {
      // One that comes after all goes back.
      asked.then((late) => late.release()).catch(() => {});
      // Whatever kept it from standing, a wrong password too, may be over later.
      throw Object.assign(error as Error, { fatal: true });
    }
  }

  async #tellSettings(connection: PoolConnection, { tell }: Lent): Promise<void> {
    if (this.#told.has(connection)) return;
    // Whoever uses it hears of the error; without a listener it would end the process.
    connection.on("error", () => {});
    for (const name of ["mode", "isolation"]) await tell(session(name));
    this.#told.add(connection);
  }
}

function lend(connection: PoolConnection, statementMs: number): Lent {
  const answer = (ask: (done: (error: Error | null, rows: unknown, fields: readonly Field[]) => void) => void) =>
    within(
      statementMs,
      new Promise<Result>((resolve, reject) => {
        ask((error, rows, fields) => (error ? reject(error) : resolve({ rows, fields })));
      }),
    );
  return {
    ask: (text, values) => answer((done) => connection.execute(text, values as never, done)),
    tell: (text) => answer((done) => connection.query(text, done)),
  };
}

/** A callback as a promise. mysql2's own promises keep a stack for every call, which costs as much as the call. */
const called = <T>(call: (done: (error: Error | null | undefined, value?: T) => void) => void): Promise<T> =>
  new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value as T)));
  });

/** What is not answered in time has failed, and so has the connection: the answer may come at any moment. */
function within<T>(ms: number, asked: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT", fatal: true })), ms);
  });
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}
