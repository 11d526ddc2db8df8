/** The settings as a table, for the docs. */
import { z } from "zod";
import { type Configured, variableOf } from "./config.ts";
import { isSecret, kindOf } from "./fields.ts";

export interface ConfigRow {
  readonly key: string;
  readonly variable: string;
  readonly type: string;
  /** Undefined when there is none. */
  readonly default: string | undefined;
  readonly description: string;
}

/** By key; a setting that several modules share appears once. */
export function configTable(modules: readonly Configured[]): ConfigRow[] {
  const rows = new Map<string, ConfigRow>();
  for (const { config } of modules) for (const [key, field] of Object.entries(config.shape)) rows.set(key, row(key, field));
  return [...rows.values()].sort((one, other) => (one.key < other.key ? -1 : 1));
}

function row(key: string, field: z.core.$ZodType): ConfigRow {
  const { type, enum: choices, description, default: value } = z.toJSONSchema(field, { io: "input", unrepresentable: "any" });
  return {
    key,
    variable: variableOf(key),
    type: kindOf(field) ?? choices?.join(" | ") ?? String(type ?? "text"),
    default: isSecret(field) ? undefined : textOf(value ?? defaultOf(field)),
    description: description ?? "",
  };
}

/** What a field without a value becomes. Only fields that read their text themselves, such as numbers, are without one in their schema. */
function defaultOf(field: z.core.$ZodType): unknown {
  const read = z.safeParse(field, undefined);
  return read.success ? read.data : undefined;
}

/** As it would be written into the environment. */
const textOf = (value: unknown): string | undefined => (value === undefined ? undefined : String(value));
