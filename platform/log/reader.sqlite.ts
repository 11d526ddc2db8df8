/** Reads the embedded log's database beside the process that owns it, which may be running: nothing is locked or written. */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Topic } from "#domain/topics.ts";
import { variableOf } from "#platform/config/config.ts";
import { DatabaseError } from "#platform/sql/errors.ts";
import { prepareStatements } from "#platform/sqlite/statements.ts";
import type { LogReader } from "./log.ts";
import { sqliteReading } from "./reading.sqlite.ts";

const PATIENCE_MS = 5_000;
const PAGE_BYTES = 1024 * 1024;

/** Throws DatabaseError where there is no such database. */
export function sqliteLogReader(file: string): LogReader {
  if (!existsSync(file))
    throw new DatabaseError(`There is no database ${file}; the service makes it when it starts, where ${variableOf("data-dir")} says.`);
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}`);
    const sql = prepareStatements(database, new URL("./log.sql", import.meta.url));
    const ids = new Map(sql.all("partitions").map(({ id, topic, partition }) => [`${topic}/${partition}`, id as number]));
    const idOf = ({ name }: Topic, partition: number): number => {
      const id = ids.get(`${name}/${partition}`);
      if (id === undefined) throw new DatabaseError(`The log in ${file} has no partition ${partition} of ${name}.`);
      return id;
    };
    const reading = sqliteReading(sql, idOf);
    return {
      bounds: async (topic, partition) => reading.bounds(topic, partition),
      read: async (topic, partition, from, limit) => reading.read(topic, partition, from, limit, PAGE_BYTES),
      close: async () => database.close(),
    };
  } catch (cause) {
    database.close();
    if (cause instanceof DatabaseError) throw cause;
    throw new DatabaseError(`The log in ${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}
