/** The settings of categories, in the writer thread. */
import type { Sql } from "#platform/sqlite/sqlite.ts";
import { type CategorySettings, isDefault } from "./categories.ts";

interface Setting {
  readonly environment: string;
  readonly settings: CategorySettings;
  readonly most: number;
}

export default {
  set(sql: Sql, { environment, settings, most }: Setting): boolean {
    const { name, atMostOnce } = settings;
    if (isDefault(settings)) sql.run("reset", environment, name);
    else if (Number(sql.get("others", environment, name)?.others) >= most) return false;
    else sql.run("set", environment, name, atMostOnce ? 1 : 0);
    return true;
  },
};
