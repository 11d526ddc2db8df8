/**
 * Settings: every module declares its own as a flat schema, the environment and a file fill them, and nothing starts while one is unknown
 * or wrong.
 *
 * The key "email.smtp-host" is the variable CARILLON_EMAIL_SMTP_HOST, which outranks the file. An empty one counts as unset.
 */
import { distance } from "fastest-levenshtein";
import { z } from "zod";
import type { ConfigSchema } from "#platform/host.ts";
import { isSecret } from "./fields.ts";
import type { SettingsFile } from "./file.ts";

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

/** A value as somebody gave it, and what they called it there. */
interface Setting {
  readonly text: string;
  readonly name: string;
}

export const variableOf = (key: string): string => PREFIX + key.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");

/** The values of each module by its name. Throws ConfigProblem naming everything that is wrong at once. */
export function loadConfig(
  modules: readonly Configured[],
  env: NodeJS.ProcessEnv,
  file?: SettingsFile,
): Map<string, Record<string, unknown>> {
  const keys = [...fieldsOf(modules).keys()];
  const troubles = [...unknownVariables(keys, env), ...(file ? [...file.troubles, ...unknownKeys(keys, file)] : [])];
  const told = new Set<string>();
  const values = new Map<string, Record<string, unknown>>();
  for (const { name, config } of modules) {
    const given = new Map(Object.keys(config.shape).flatMap((key) => settingOf(key, env, file)));
    const read = config.safeParse(Object.fromEntries([...given].map(([key, { text }]) => [key, text])));
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

/** As an entry of a map, or none. */
function settingOf(key: string, env: NodeJS.ProcessEnv, file: SettingsFile | undefined): [string, Setting][] {
  const variable = variableOf(key);
  const text = env[variable];
  if (text !== undefined && text !== "") return [[key, { text, name: variable }]];
  const written = file?.settings.get(key);
  return file && written ? [[key, { text: written.text, name: `${key} (${file.name} line ${written.line})` }]] : [];
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

function unknownVariables(keys: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const known = keys.map(variableOf);
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .sort()
    .map((name) => `${name} is not a setting${nearMiss(name, known, PREFIX.length)}`);
}

const unknownKeys = (keys: readonly string[], { name, settings }: SettingsFile): string[] =>
  [...settings]
    .filter(([key]) => !keys.includes(key))
    .map(([key, { line }]) => `${name} line ${line}: ${key} is not a setting${nearMiss(key, keys, 0)}`);

function sentenceOf(issue: z.core.$ZodIssue, config: ConfigSchema, given: ReadonlyMap<string, Setting>): string {
  const key = String(issue.path[0] ?? "");
  const field = config.shape[key];
  const setting = given.get(key);
  if (!setting) return `${variableOf(key)} is missing: ${expected(issue)}${meaning(field)}.`;
  const shown = field && isSecret(field) ? "has a value that" : `is ${JSON.stringify(setting.text)} but`;
  return `${setting.name} ${shown} ${expected(issue)}${meaning(field)}.`;
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

/** `alike` is how many characters every name begins with. */
function nearMiss(name: string, known: readonly string[], alike: number): string {
  const [nearest] = known.map((each) => ({ each, off: distance(name, each) })).sort((one, other) => one.off - other.off);
  const near = nearest && nearest.off <= Math.max(2, Math.floor((name.length - alike) / 3));
  return near ? `; did you mean ${nearest.each}?` : ".";
}
