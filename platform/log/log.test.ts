import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "#platform/sqlite/open.ts";
import { memoryLog } from "./log.memory.ts";
import { sqliteLog } from "./log.sqlite.ts";
import { logSuite } from "./log.suite.ts";

logSuite(
  "the log in memory",
  async (needs) => {
    const log = memoryLog(needs);
    return { log, close: () => log.close() };
  },
  { forgets: "it lives in memory" },
);

logSuite("the log in SQLite", async (needs) => {
  const folder = await mkdtemp(join(tmpdir(), "carillon-log-"));
  const open = async () => {
    const database = await openDatabase({ file: join(folder, "log.sqlite") });
    return { database, log: await sqliteLog({ database, ...needs }) };
  };
  let current = await open();
  const close = async () => {
    await current.log.close();
    await current.database.close();
  };
  return {
    log: current.log,
    async reopen() {
      await close();
      current = await open();
      return current.log;
    },
    async close() {
      await close();
      await rm(folder, { recursive: true });
    },
  };
});
