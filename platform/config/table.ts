/** The settings as a table, for the docs. */
import { z } from "zod";
import { type Configured, variableOf } from "./config.ts";
import { isSecret } from "./fields.ts";

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
  const output = jsonSchema(field, "output");
  const input = jsonSchema(field, "input");
  return {
    key,
    variable: variableOf(key),
    type: isSecret(field) ? "secret" : typeOf(output.type === undefined ? input : output),
    default: isSecret(field) ? undefined : textOf(defaultOf(field)),
    description: String(input.description ?? ""),
  };
}

type Json = { type?: unknown; enum?: unknown[]; description?: unknown };

const jsonSchema = (field: z.core.$ZodType, io: "input" | "output"): Json =>
  z.toJSONSchema(field, { io, unrepresentable: "any" }) as Json;

const typeOf = (schema: Json): string => (schema.enum ? schema.enum.join(" | ") : String(schema.type ?? "text"));

/** As the module will see it. */
function defaultOf(field: z.core.$ZodType): unknown {
  const read = z.safeParse(field, undefined);
  return read.success ? read.data : undefined;
}

const textOf = (value: unknown): string | undefined =>
  value === undefined ? undefined : Array.isArray(value) ? value.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join(",") : String(value);
