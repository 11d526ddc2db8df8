/**
 * Templates for the rooms that use them, read through TemplatesService.
 *
 * A published version never changes, so it is kept for good, compiled, as long as there is room. Which version is live is asked anew after
 * a second: whatever is published is used everywhere within two.
 */
import { ConnectError } from "@connectrpc/connect";
import { Problem } from "#domain/errors.ts";
import { TemplatesService, VersionStatus } from "#gen/carillon/templates/v1/templates_pb.ts";
import type { Given } from "#platform/host.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { type CompiledSource, compileSource } from "./source.ts";

export interface Versions {
  /** The number of the live version; 0: there is no template of that name, or none of its versions is live. */
  live(environment: string, name: string): Promise<number>;
  /** Undefined: there is no such version, or it was never published. */
  version(environment: string, name: string, version: number): Promise<CompiledSource | undefined>;
}

const LIVE_FOR_MS = 1_000;
/** Live names are small; versions weigh at most half a MiB, and far less as a rule. */
const MOST_NAMES = 10_000;
const MOST_VERSIONS = 500;

export function versionsOf({ client, clock }: Pick<Given, "client" | "clock">): Versions {
  const names = new Map<string, { readonly untilMs: number; readonly version: Promise<number> }>();
  const versions = new Map<string, Promise<CompiledSource | undefined>>();

  return {
    live(environment, name) {
      const key = `${environment}/${name}`;
      const known = names.get(key);
      if (known && clock.nowMs() < known.untilMs) return known.version;
      const asked = client(TemplatesService, environment)
        .getTemplate({ name })
        .then(({ template }) => template?.liveVersion ?? 0, orElse(0));
      keep(names, key, { untilMs: clock.nowMs() + LIVE_FOR_MS, version: asked }, MOST_NAMES);
      asked.catch(() => names.get(key)?.version === asked && names.delete(key));
      return asked;
    },

    version(environment, name, version) {
      const key = `${environment}/${name}/${version}`;
      const known = versions.get(key);
      if (known) {
        keep(versions, key, known, MOST_VERSIONS);
        return known;
      }
      const asked = client(TemplatesService, environment)
        .getVersion({ name, version })
        .then(
          ({ summary, source }) => (summary?.status === VersionStatus.DRAFT || !source ? undefined : compileSource(source)),
          orElse(undefined),
        );
      keep(versions, key, asked, MOST_VERSIONS);
      // What is not there may come to be; only what is there stays as it is.
      const forget = () => versions.get(key) === asked && versions.delete(key);
      asked.then((there) => there ?? forget(), forget);
      return asked;
    },
  };
}

/** Puts it last; what was not used for longest goes first. */
function keep<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value as string);
}

/** What is not there is an answer; anything else that goes wrong is for the caller to repeat. */
const orElse =
  <T>(missing: T) =>
  (error: unknown): T => {
    const problem = problemFrom(error);
    if (problem.reason === "NOT_FOUND" || problem.reason === "INVALID_REQUEST") return missing;
    if (error instanceof ConnectError || error instanceof Problem)
      throw new Problem("TEMPLATES_UNAVAILABLE", { retryAfterMs: 1_000, cause: error });
    throw error;
  };
