/** The settings of categories in SQLite. */
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./categories.procedures.ts";
import { settingsOf } from "./categories.rows.ts";
import type { CategoryStore } from "./categories.ts";

export async function sqliteCategoryStore(database: Database): Promise<CategoryStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./categories.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./categories.sql", import.meta.url));
  return {
    set: (environment, settings, most) => calls.set({ environment, settings, most }, { durable: true }),
    among: async (environment, names) => names.flatMap((name) => reads.all("known", environment, name).map(settingsOf)),
    list: async (environment) => reads.all("list", environment).map(settingsOf),
  };
}
