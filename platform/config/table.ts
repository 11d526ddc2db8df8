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
  const { type, enum: choices, description } = z.toJSONSchema(field, { io: "input", unrepresentable: "any" });
  return {
    key,
    variable: variableOf(key),
    type: kindOf(field) ?? choices?.join(" | ") ?? String(type ?? "text"),
    default: isSecret(field) ? undefined : textOf(defaultOf(field)),
    description: description ?? "",
  };
}

/** As the module will see it. */
function defaultOf(field: z.core.$ZodType): unknown {
  const read = z.safeParse(field, undefined);
  return read.success ? read.data : undefined;
}

const textOf = (value: unknown): string | undefined =>
  value === undefined
    ? undefined
    : Array.isArray(value)
      ? value.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join(",")
      : String(value);
