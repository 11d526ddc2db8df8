/** What a row says of a category, whichever database it comes from. */
import type { Row } from "#platform/sql/row.ts";
import type { CategorySettings } from "./categories.ts";

export const settingsOf = (row: Row): CategorySettings => ({ name: row.name as string, atMostOnce: row.at_most_once === 1 });
