/** The statements of one store: filled, executed, measured; a transaction that the server undid is done anew. */
import type { Clock } from "#platform/clock.ts";
import { storeOf } from "#platform/sql/migrations.ts";
import { readStatements } from "#platform/sql/statements.ts";
import type { Connections, Field, Lent } from "./connections.ts";
import { codeOf, isBroken, toldAs, triesOf } from "./errors.ts";
import { type Fill, type Filled, fillOf } from "./lists.ts";
import type { MysqlMetrics } from "./metrics.ts";
import type { MysqlRow, MysqlSql, Param, Params, Tables } from "./mysql.ts";
import { session } from "./session.ts";

/** Times the attempt: who was undone lets the other one finish. */
const PAUSE_MS = 10;

interface TablesNeeds {
  readonly connections: Connections;
  readonly clock: Clock;
  readonly metrics: MysqlMetrics;
}

export function tablesOf(file: URL, { connections, clock, metrics }: TablesNeeds): Tables {
  const store = storeOf(file);
  const fills = new Map<string, Fill>();
  for (const [name, text] of readStatements(file)) fills.set(name, fillOf(text));

  const filled = (name: string, params: Params): readonly Filled[] => {
    const fill = fills.get(name);
    if (fill === undefined) throw new Error(`${store} has no statement named "${name}".`);
    return fill(params);
  };
  const execute = async ({ ask }: Lent, name: string, { text, values }: Filled) => {
    const startedMs = performance.now();
    try {
      return await ask(text, values.map(encoded));
    } catch (error) {
      throw Object.assign(error as Error, { statement: `"${name}" of ${store}` });
    } finally {
      metrics.statement(store, (performance.now() - startedMs) / 1_000);
    }
  };
  const all = async (lent: Lent, name: string, all: readonly Filled[]): Promise<MysqlRow[]> => {
    const found: MysqlRow[][] = [];
    for (const one of all) {
      const { rows, fields } = await execute(lent, name, one);
      found.push(decoded(rows as RawRow[], fields));
    }
    return found.length === 1 ? (found[0] as MysqlRow[]) : found.flat();
  };
  const run = async (lent: Lent, name: string, all: readonly Filled[]) => {
    let changes = 0;
    for (const one of all) changes += ((await execute(lent, name, one)).rows as { affectedRows: number }).affectedRows;
    return { changes };
  };
  const sqlOn = (lent: Lent): MysqlSql => ({
    all: (name, ...params) => all(lent, name, filled(name, params)),
    get: async (name, ...params) => (await all(lent, name, filled(name, params)))[0],
    run: (name, ...params) => run(lent, name, filled(name, params)),
  });

  const repeated = async <T>(work: (lent: Lent) => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await connections.use(work);
      } catch (error) {
        const { statement } = error as { statement?: string };
        if (tries >= triesOf(error)) throw metrics.failed(toldAs(error, statement ?? store));
        metrics.repeated(codeOf(error));
        await clock.sleep(tries * PAUSE_MS);
      }
    }
  };
  const transaction = <T>(work: (lent: Lent) => Promise<T>): Promise<T> => repeated((lent) => whole(lent, () => work(lent)));

  return {
    async all(name, ...params) {
      const statements = filled(name, params);
      return statements.length === 0 ? [] : repeated((lent) => all(lent, name, statements));
    },
    async get(name, ...params) {
      const [first] = await repeated((lent) => all(lent, name, filled(name, params)));
      return first;
    },
    async run(name, ...params) {
      const statements = filled(name, params);
      if (statements.length === 0) return { changes: 0 };
      return (statements.length === 1 ? repeated : transaction)((lent) => run(lent, name, statements));
    },
    transaction: (work) => transaction((lent) => work(sqlOn(lent))),
  };
}

async function whole<T>({ tell }: Lent, work: () => Promise<T>): Promise<T> {
  await tell(session("begin"));
  try {
    const result = await work();
    await tell(session("commit"));
    return result;
  } catch (error) {
    if (!isBroken(error)) await tell(session("rollback"));
    throw error;
  }
}

/** Text goes as bytes: as text the server would compare it by a collation. */
const encoded = (value: Param): number | Buffer | null => {
  if (typeof value === "string") return Buffer.from(value);
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
};

type RawRow = Record<string, string | number | Buffer | null>;

/** https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html, and the character set of bytes. */
const VAR_STRING = 253;
const BINARY = 63;

/** VARBINARY is text here; a BLOB is bytes, copied out of the packet that it came in. */
function decoded(rows: readonly RawRow[], fields: readonly Field[]): MysqlRow[] {
  const binary = fields.filter(({ characterSet, columnType = 0 }) => characterSet === BINARY && columnType >= 249);
  for (const { name, columnType } of binary)
    for (const row of rows) {
      const value = row[name];
      if (value instanceof Buffer) (row as MysqlRow)[name] = columnType === VAR_STRING ? value.toString() : new Uint8Array(value);
    }
  return rows as MysqlRow[];
}
