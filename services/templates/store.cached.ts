/**
 * Templates read through caches: which version is live, what versions there are, and the words of those that were published, which are on
 * the path of a notification. Drafts and lists are answered by the store.
 */
import type { Cache, Codec } from "#platform/cache/cache.ts";
import type { TemplateRecord, TemplateStore, VersionRecord, VersionWithSource } from "./store.ts";

export const TEMPLATES_KEPT_MS = 60 * 60_000;

export interface TemplateCaches {
  readonly records: Cache<TemplateRecord>;
  /** The newest of each template, newest first. */
  readonly versions: Cache<readonly VersionRecord[]>;
  readonly sources: Cache<VersionWithSource>;
}

/** Of the versions of a template. Who asks for more is answered by the store. */
const MOST_VERSIONS = 100;
const LINE_END = 10;

const json = <V>(): Codec<V> => ({
  encode: (value) => Buffer.from(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as V,
});

export const templateCodecs = {
  records: json<TemplateRecord>(),
  versions: json<readonly VersionRecord[]>(),
  /** The fields as JSON, a line's end, the source's bytes. */
  sources: {
    encode: ({ source, ...fields }) => Buffer.concat([Buffer.from(`${JSON.stringify(fields)}\n`), source]),
    decode(bytes) {
      const end = bytes.indexOf(LINE_END);
      const fields = JSON.parse(Buffer.from(bytes.subarray(0, end)).toString()) as VersionRecord;
      return { ...fields, source: new Uint8Array(bytes.subarray(end + 1)) };
    },
  } satisfies Codec<VersionWithSource>,
};

export function cachedTemplateStore(store: TemplateStore, { records, versions, sources }: TemplateCaches): TemplateStore {
  const keyOf = (environment: string, name: string) => `${environment}/${name}`;
  const sourceOf = (environment: string, name: string, version: number) => `${keyOf(environment, name)}/${version}`;
  const changing = <T>(environment: string, name: string, write: () => Promise<T>): Promise<T> =>
    records.change([keyOf(environment, name)], () => versions.change([keyOf(environment, name)], write));

  return {
    async find(environment, name) {
      const [found] = await records.get([keyOf(environment, name)], async () => [await store.find(environment, name)]);
      return found;
    },
    async versions(environment, name, limit) {
      if (limit > MOST_VERSIONS) return store.versions(environment, name, limit);
      const [found] = await versions.get([keyOf(environment, name)], async () => [await store.versions(environment, name, MOST_VERSIONS)]);
      return (found ?? []).slice(0, limit);
    },
    async version(environment, name, version) {
      let draft: VersionWithSource | undefined;
      const [found] = await sources.get([sourceOf(environment, name, version)], async () => {
        const there = await store.version(environment, name, version);
        if (there?.publishedAtMs !== 0) return [there];
        // A draft changes with every save; it is answered, and not kept.
        draft = there;
        return [undefined];
      });
      return found ?? draft;
    },
    list: store.list,
    create: (environment, draft, nowMs) => changing(environment, draft.name, () => store.create(environment, draft, nowMs)),
    saveDraft: (environment, draft, revision, nowMs) =>
      changing(environment, draft.name, () => store.saveDraft(environment, draft, revision, nowMs)),
    publish: (environment, name, revision, nowMs) => changing(environment, name, () => store.publish(environment, name, revision, nowMs)),
    publishAgain: (environment, name, version, nowMs) =>
      sources.change([sourceOf(environment, name, version)], () =>
        changing(environment, name, () => store.publishAgain(environment, name, version, nowMs)),
      ),
    archive: (environment, name, nowMs) => changing(environment, name, () => store.archive(environment, name, nowMs)),
  };
}
