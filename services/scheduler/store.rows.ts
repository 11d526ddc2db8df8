/** What a row says of a wait, whichever database it comes from, and how many rows are read at once. */
import type { Row } from "#platform/sql/row.ts";
import type { Wait } from "./store.ts";

export const waitOf = (row: Row): Wait => ({
  id: row.id as string,
  dueAtMs: Number(row.due_at_ms),
  topic: row.topic as string,
  key: row.record_key as string,
  value: row.record_value as Uint8Array,
  trace: row.trace as string,
});

/** Of what is read and appended at once: a page of the largest notifications would be 64 MiB. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** How many of the first fit into a page; one at least. */
export function fitting(sizes: readonly number[]): number {
  let count = 0;
  for (let bytes = 0; count < sizes.length; count++) {
    bytes += sizes[count] as number;
    if (bytes > PAGE_BYTES) break;
  }
  return Math.max(count, 1);
}
