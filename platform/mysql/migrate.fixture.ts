/** A process that brings a database up to a .sql file: `node migrate.fixture.ts URL FILE`. Prints how it went. */
import { pathToFileURL } from "node:url";
import { pino } from "pino";
import { systemClock } from "#platform/clock.ts";
import { openMysql } from "./open.ts";

const [, , url = "", file = ""] = process.argv;
try {
  const mysql = await openMysql({ url, clock: systemClock, logger: pino({ level: "silent" }) });
  await mysql.tables(pathToFileURL(file));
  await mysql.close();
  console.log("migrated");
} catch (error) {
  console.log((error as Error).message);
}
