/** The pages of a table of what a ledger must not forget, in the order of its key: an environment, and what it is about there. */
import type { MysqlRow } from "#platform/mysql/mysql.ts";
import type { Key } from "./keeping.ts";

const PAGE = 500;

export interface KeptTable<T> {
  /** The rows after that key, in order. */
  after(environment: string, about: string, limit: number): Promise<readonly MysqlRow[]>;
  said(row: MysqlRow): T;
  about(said: T): string;
}

export async function* pagesOf<T extends { readonly environment: string }>(
  table: KeptTable<T>,
  begin: Key = ["", ""],
): AsyncGenerator<readonly T[]> {
  let [environment, about] = begin;
  for (;;) {
    const page = (await table.after(environment, about, PAGE)).map((row) => table.said(row));
    yield page;
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    [environment, about] = [last.environment, table.about(last)];
  }
}
