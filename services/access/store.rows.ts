/** What a row says of an environment and of a key, whichever database it comes from. */
import type { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import type { Row } from "#platform/sql/row.ts";
import type { EnvironmentRecord, KeyRecord } from "./store.ts";

export const environmentOf = (row: Row): EnvironmentRecord => ({
  name: row.name as string,
  kind: Number(row.kind) as EnvironmentKind,
  home: row.home === 1,
  createdAtMs: Number(row.created_at_ms),
});

export const keyOf = (row: Row): KeyRecord => ({
  prefix: row.prefix as string,
  hash: row.hash as Uint8Array,
  environment: row.environment as string,
  name: row.name as string,
  scopes: JSON.parse(row.scopes as string),
  createdAtMs: Number(row.created_at_ms),
  expiresAtMs: Number(row.expires_at_ms),
  revokedAtMs: Number(row.revoked_at_ms),
  lastUsedAtMs: Number(row.last_used_at_ms),
});
