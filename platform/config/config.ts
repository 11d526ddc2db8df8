/**
 * Settings: every module declares its own as a flat schema, the environment fills them, and nothing starts while one is unknown or wrong.
 *
 * The key "email.smtp-host" is the variable CARILLON_EMAIL_SMTP_HOST. An empty variable counts as unset.
 */
import { distance } from "fastest-levenshtein";
import { z } from "zod";
import type { ConfigSchema } from "#platform/host.ts";
import { isSecret } from "./fields.ts";

const PREFIX = "CARILLON_";

/** One sentence for each trouble. */
export class ConfigProblem extends Error {
  readonly sentences: readonly string[];

  constructor(sentences: readonly string[]) {
    super(sentences.join("\n"));
    this.name = "ConfigProblem";
    this.sentences = sentences;
  }
}

export interface Configured {
  readonly name: string;
  readonly config: ConfigSchema;
}

export const variableOf = (key: string): string => PREFIX + key.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");

/** The values of each module by its name. Throws ConfigProblem naming everything that is wrong at once. */
export function loadConfig(modules: readonly Configured[], env: NodeJS.ProcessEnv): Map<string, Record<string, unknown>> {
  const fields = fieldsOf(modules);
  const troubles = unknownVariables(fields, env);
  const told = new Set<string>();
  const values = new Map<string, Record<string, unknown>>();
  for (const { name, config } of modules) {
    const given = Object.fromEntries(
      Object.keys(config.shape).flatMap((key) => {
        const text = env[variableOf(key)];
        return text === undefined || text === "" ? [] : [[key, text]];
      }),
    );
    const read = config.safeParse(given);
    if (read.success) values.set(name, read.data);
    else
      for (const issue of read.error.issues) {
        const sentence = sentenceOf(issue, config, given);
        if (!told.has(sentence)) troubles.push(sentence);
        told.add(sentence);
      }
  }
  if (troubles.length > 0) throw new ConfigProblem(troubles);
  return values;
}

/** By key. Two modules may share one, but then it must be the very same field: else one variable would mean two things. */
function fieldsOf(modules: readonly Configured[]): Map<string, z.core.$ZodType> {
  const fields = new Map<string, z.core.$ZodType>();
  const owners = new Map<string, { key: string; module: string }>();
  for (const { name, config } of modules)
    for (const [key, field] of Object.entries(config.shape)) {
      const variable = variableOf(key);
      const owner = owners.get(variable);
      if (owner && (owner.key !== key || fields.get(key) !== field))
        throw new Error(`${variable} is declared by ${owner.module} (${owner.key}) and by ${name} (${key}); share one schema object`);
      owners.set(variable, { key, module: name });
      fields.set(key, field);
    }
  return fields;
}

function unknownVariables(fields: ReadonlyMap<string, unknown>, env: NodeJS.ProcessEnv): string[] {
  const known = new Set([...fields.keys()].map(variableOf));
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.has(name))
    .sort()
    .map((name) => `${name} is not a setting${nearMiss(name, [...known])}`);
}

function sentenceOf(issue: z.core.$ZodIssue, config: ConfigSchema, given: Record<string, unknown>): string {
  const key = String(issue.path[0] ?? "");
  const variable = variableOf(key);
  const field = config.shape[key];
  if (!(key in given)) return `${variable} is missing: ${expected(issue)}${meaning(field)}.`;
  const shown = field && isSecret(field) ? "has a value that" : `is ${JSON.stringify(given[key])} but`;
  return `${variable} ${shown} ${expected(issue)}${meaning(field)}.`;
}

/** Fields of fields.ts say what is right; zod's own words are turned into the same shape. */
const expected = (issue: z.core.$ZodIssue): string => {
  const said = issue.message.replace(/\.$/, "");
  if (/^must\b/.test(said)) return said;
  if (issue.code === "invalid_value") return `must be one of ${issue.values.join(", ")}`;
  return issue.input === undefined && issue.code === "invalid_type" ? "it must be set" : `must be right: ${said}`;
};

const meaning = (field: z.core.$ZodType | undefined): string => {
  const description = field && z.globalRegistry.get(field)?.description;
  return description ? ` (${description.replace(/\.$/, "")})` : "";
};

function nearMiss(name: string, known: readonly string[]): string {
  const [nearest] = known.map((each) => ({ each, off: distance(name, each) })).sort((one, other) => one.off - other.off);
  const near = nearest && nearest.off <= Math.max(2, Math.floor((name.length - PREFIX.length) / 3));
  return near ? `; did you mean ${nearest.each}?` : ".";
}
