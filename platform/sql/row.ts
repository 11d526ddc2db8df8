/** A row as either database answers it: SQLite's types, of which MySQL's are a part. */
export type Row = Record<string, string | number | bigint | Uint8Array | null>;
