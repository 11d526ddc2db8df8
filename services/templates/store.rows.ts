/** What a row says of a template and of a version, whichever database it comes from. */
import type { Row } from "#platform/sql/row.ts";
import type { TemplateRecord, VersionRecord } from "./store.ts";

export const templateOf = (row: Row): TemplateRecord => ({
  name: row.name as string,
  liveVersion: Number(row.live_version),
  draftVersion: Number(row.draft_version),
  createdAtMs: Number(row.created_at_ms),
  updatedAtMs: Number(row.updated_at_ms),
});

export const versionOf = (row: Row): VersionRecord => ({
  version: Number(row.version),
  revision: Number(row.revision),
  createdAtMs: Number(row.created_at_ms),
  publishedAtMs: Number(row.published_at_ms),
});
