/**
 * Templates and their versions, as a port. Its suite is store.suite.ts.
 *
 * A version is a draft until it is first published, and never changes from then on; the one that is live is named by its template. What a
 * write has answered survives a power loss. Times are epoch milliseconds.
 */
export interface TemplateRecord {
  readonly name: string;
  /** 0: none. */
  readonly liveVersion: number;
  /** 0: none. */
  readonly draftVersion: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface VersionRecord {
  readonly version: number;
  /** 1, and one more for each change of the draft. */
  readonly revision: number;
  readonly createdAtMs: number;
  /** When it was last published; 0: never, so it is a draft. */
  readonly publishedAtMs: number;
}

export interface VersionWithSource extends VersionRecord {
  /** carillon.templates.v1.Source, encoded. */
  readonly source: Uint8Array;
}

export interface Draft {
  readonly name: string;
  readonly source: Uint8Array;
}

/** absent: there is no such thing. outdated: it has another revision than the one named. Nothing was changed then. */
export type Refusal = "absent" | "outdated";

export interface TemplateStore {
  /** With its first draft; undefined: there is one of that name already. */
  create(environment: string, draft: Draft, nowMs: number): Promise<TemplateRecord | undefined>;
  find(environment: string, name: string): Promise<TemplateRecord | undefined>;
  /** By name, beginning after one. */
  list(environment: string, afterName: string, limit: number): Promise<readonly TemplateRecord[]>;
  /** Newest first. */
  versions(environment: string, name: string, limit: number): Promise<readonly VersionRecord[]>;
  version(environment: string, name: string, version: number): Promise<VersionWithSource | undefined>;
  /** Replaces the draft that has this revision; 0: begins one where there is none. */
  saveDraft(environment: string, draft: Draft, revision: number, nowMs: number): Promise<VersionRecord | Refusal>;
  /** Makes the draft live, if it still has this revision. */
  publish(environment: string, name: string, revision: number, nowMs: number): Promise<TemplateRecord | Refusal>;
  /** Makes a version live that was published before. */
  publishAgain(environment: string, name: string, version: number, nowMs: number): Promise<TemplateRecord | "absent">;
  /** No version is live any more. */
  archive(environment: string, name: string, nowMs: number): Promise<TemplateRecord | "absent">;
}
