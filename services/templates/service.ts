/** TemplatesService: what proto/carillon/templates/v1 promises, over the store. */
import { fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { nameOfChannel } from "#domain/channels/channel.ts";
import { notFound, Problem, type Violation } from "#domain/errors.ts";
import { normaliseLocale } from "#domain/locale.ts";
import {
  type Source,
  SourceSchema,
  type TemplateSchema,
  type TemplatesService,
  VersionStatus,
  type VersionSummarySchema,
} from "#gen/carillon/templates/v1/templates_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { TemplateProblem } from "#platform/render/problem.ts";
import { type CompiledSource, checkSource, compileSource, type Found, normaliseSource } from "#platform/render/source.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import type { Refusal, TemplateRecord, TemplateStore, VersionRecord, VersionWithSource } from "./store.ts";

const PAGE = 50;
const VERSIONS_SHOWN = 100;

const templateOf = (record: TemplateRecord): MessageInitShape<typeof TemplateSchema> => ({
  ...record,
  createdAtMs: BigInt(record.createdAtMs),
  updatedAtMs: BigInt(record.updatedAtMs),
});

const summaryOf = (record: VersionRecord, liveVersion: number): MessageInitShape<typeof VersionSummarySchema> => {
  const { version, revision, createdAtMs, publishedAtMs } = record;
  const status = publishedAtMs === 0 ? VersionStatus.DRAFT : version === liveVersion ? VersionStatus.PUBLISHED : VersionStatus.ARCHIVED;
  return { version, status, revision, createdAtMs: BigInt(createdAtMs), publishedAtMs: BigInt(publishedAtMs) };
};

const named = (name: string): string => `template "${name}"`;

/** What the store answered, unless it refused; `what` is not there then. */
function granted<T extends object>(answer: T | Refusal, what: string): T {
  if (answer === "absent") throw notFound(what);
  if (answer === "outdated") throw new Problem("REVISION_OUTDATED");
  return answer;
}

const encoded = (source: Source | undefined): Uint8Array => toBinary(SourceSchema, normaliseSource(source as Source));
const decoded = ({ source }: VersionWithSource): Source => fromBinary(SourceSchema, source);

const violationOf = ({ field, line, column, description }: Found, prefix: string): Violation => ({
  field: `${prefix}${field}`,
  description: line === 0 ? description : `line ${line}, column ${column}: ${description}`,
});

/** Throws with everything that is wrong with it. */
function compiled(source: Source, prefix = ""): CompiledSource {
  const found = checkSource(source);
  if (found.length > 0) throw new Problem("INVALID_REQUEST", { violations: found.map((each) => violationOf(each, prefix)) });
  return compileSource(source);
}

const invalid = (field: string, description: string) => new Problem("INVALID_REQUEST", { violations: [{ field, description }] });

export function templatesService(store: TemplateStore, clock: Clock): ServiceImpl<typeof TemplatesService> {
  const found = async (environment: string, name: string): Promise<TemplateRecord> => {
    const template = await store.find(environment, name);
    if (!template) throw notFound(named(name));
    return template;
  };

  const foundVersion = async (environment: string, name: string, version: number): Promise<VersionWithSource> => {
    const there = await store.version(environment, name, version);
    if (!there) throw notFound(`version ${version} of the ${named(name)}`);
    return there;
  };

  /** Throws where there is no draft, saying what to do about it. */
  const draftOf = async (environment: string, name: string, advice: (live: number) => string): Promise<number> => {
    const { draftVersion, liveVersion } = await found(environment, name);
    if (draftVersion === 0) throw new Problem("NOT_FOUND", { message: `The ${named(name)} has no draft; ${advice(liveVersion)}.` });
    return draftVersion;
  };
  const nameVersion = (live: number) => `name a version${live === 0 ? "" : `, of which ${live} is live`}`;
  const beginDraft = () => "UpdateDraft begins the next one";

  /** The words to look at: those given, or those of a version; 0: the draft. */
  const looked = async (environment: string, asked: { name: string; version: number; source?: Source | undefined }): Promise<Source> => {
    if (asked.source) return normaliseSource(asked.source);
    const version = asked.version || (await draftOf(environment, asked.name, nameVersion));
    return decoded(await foundVersion(environment, asked.name, version));
  };

  return {
    async createTemplate({ name, source }, context) {
      const { environment } = principalOf(context);
      const nowMs = clock.nowMs();
      const template = await store.create(environment, { name, source: encoded(source) }, nowMs);
      if (!template) throw new Problem("ALREADY_EXISTS");
      return {
        template: templateOf(template),
        draft: summaryOf({ version: 1, revision: 1, createdAtMs: nowMs, publishedAtMs: 0 }, 0),
      };
    },

    async getTemplate({ name }, context) {
      const { environment } = principalOf(context);
      const template = await found(environment, name);
      const versions = await store.versions(environment, name, VERSIONS_SHOWN);
      return { template: templateOf(template), versions: versions.map((each) => summaryOf(each, template.liveVersion)) };
    },

    async getVersion({ name, version }, context) {
      const { environment } = principalOf(context);
      const { liveVersion } = await found(environment, name);
      const there = await foundVersion(environment, name, version);
      return { summary: summaryOf(there, liveVersion), source: decoded(there) };
    },

    async listTemplates({ pageSize, pageToken }, context) {
      const limit = pageSize || PAGE;
      // One more than asked for tells whether there is another page.
      const there = await store.list(principalOf(context).environment, pageToken, limit + 1);
      const page = there.slice(0, limit);
      return { templates: page.map(templateOf), nextPageToken: there.length > limit ? (page.at(-1) as TemplateRecord).name : "" };
    },

    async updateDraft({ name, source, revision }, context) {
      const { environment } = principalOf(context);
      const draft = granted(await store.saveDraft(environment, { name, source: encoded(source) }, revision, clock.nowMs()), named(name));
      return { draft: summaryOf(draft, 0) };
    },

    async validate(request, context) {
      return { findings: checkSource(await looked(principalOf(context).environment, request)) };
    },

    async preview(request, context) {
      const { channel, data = {} } = request;
      const source = compiled(await looked(principalOf(context).environment, request), request.source ? "source." : "");
      const locale = request.locale === "" ? "" : normaliseLocale(request.locale);
      if (locale === undefined) throw invalid("locale", "must be a BCP 47 tag like pt-BR");
      const violations = source.check(data);
      if (violations.length > 0) throw new Problem("INVALID_REQUEST", { violations });
      if (!source.channels.includes(channel))
        throw invalid("channel", `must be one that there are words for: ${source.channels.map(nameOfChannel).join(", ")}`);
      try {
        return source.fill(channel, locale, data);
      } catch (error) {
        if (error instanceof TemplateProblem) throw invalid("data", `cannot be filled in: ${error.message}`);
        throw error;
      }
    },

    async publish({ name, revision }, context) {
      const { environment } = principalOf(context);
      const draft = await foundVersion(environment, name, await draftOf(environment, name, beginDraft));
      if (revision !== 0 && revision !== draft.revision) throw new Problem("REVISION_OUTDATED");
      compiled(decoded(draft));
      // What was checked is what is published: another change in between has another revision.
      return { template: templateOf(granted(await store.publish(environment, name, draft.revision, clock.nowMs()), named(name))) };
    },

    async rollback({ name, version }, context) {
      const { environment } = principalOf(context);
      const what = `published version ${version} of the ${named(name)}`;
      return { template: templateOf(granted(await store.publishAgain(environment, name, version, clock.nowMs()), what)) };
    },

    async archive({ name }, context) {
      const { environment } = principalOf(context);
      return { template: templateOf(granted(await store.archive(environment, name, clock.nowMs()), named(name))) };
    },
  };
}
