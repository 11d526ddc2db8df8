/** The settings of categories in MySQL. Two who set different ones at the same moment may both be the last that there is room for. */
import type { Mysql } from "#platform/mysql/mysql.ts";
import { settingsOf } from "./categories.rows.ts";
import { type CategoryStore, isDefault } from "./categories.ts";

export async function mysqlCategoryStore(mysql: Mysql): Promise<CategoryStore> {
  const tables = await mysql.tables(new URL("./categories.mysql.sql", import.meta.url));
  return {
    async set(environment, settings, most) {
      const { name, atMostOnce } = settings;
      if (isDefault(settings)) await tables.run("reset", environment, name);
      else if (Number((await tables.get("others", environment, name))?.others) >= most) return false;
      else await tables.run("set", environment, name, atMostOnce ? 1 : 0);
      return true;
    },
    among: async (environment, names) => (await tables.all("among", environment, names)).map(settingsOf),
    list: async (environment) => (await tables.all("list", environment)).map(settingsOf),
  };
}
