/** `npm run admin-key`: another admin key of the first environment, for when the last one is lost. The service has to be stopped. */
import { existsSync } from "node:fs";
import { systemClock } from "#platform/clock.ts";
import { DatabaseError } from "#platform/sqlite/errors.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import { recoveredCredential } from "./access/first.ts";
import { sqliteAccessStore } from "./access/store.sqlite.ts";
import { runCommand } from "./command.ts";
import { databaseFile } from "./database-file.ts";

await runCommand(process.env, async (settings) => {
  const file = databaseFile(settings["data-dir"]);
  if (!existsSync(file)) throw new DatabaseError(`There is no database ${file}; the service makes it, and its first key, when it starts.`);
  const database = await openDatabase({ file });
  try {
    return `An admin's API key, shown only this once: ${await recoveredCredential(await sqliteAccessStore(database), systemClock)}`;
  } finally {
    await database.close();
  }
});
