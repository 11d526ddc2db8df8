/** Whether data may be filled in at all, whatever a schema says of it: how much there is, and that it is plain. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Violation } from "#domain/errors.ts";
import { MAX_DATA_BYTES, MAX_DATA_DEPTH } from "./limits.ts";

export function faultsOf(data: JsonObject): Violation[] {
  const violations: Violation[] = [];
  const walk = (value: JsonValue, path: string, depth: number): void => {
    if (typeof value === "number" && !Number.isFinite(value)) violations.push({ field: path, description: "must be a finite number" });
    if (typeof value !== "object" || value === null) return;
    if (depth > MAX_DATA_DEPTH) {
      violations.push({
        field: path,
        description: `stands within more than ${MAX_DATA_DEPTH} objects and lists; at most so many are taken`,
      });
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      if (key.isWellFormed()) walk(inner, pathTo(path, key, Array.isArray(value)), depth + 1);
      else violations.push({ field: path, description: "has a name that is not Unicode" });
    }
  };
  walk(data, "data", 1);
  if (violations.length === 0 && utf8.encode(JSON.stringify(data)).length > MAX_DATA_BYTES)
    violations.push({ field: "data", description: `must be at most ${MAX_DATA_BYTES / 1_024} KiB as JSON` });
  return violations.slice(0, MOST_VIOLATIONS);
}

const MOST_VIOLATIONS = 100;
const utf8 = new TextEncoder();

/** `data.order.items[2].name` */
export const pathTo = (path: string, key: string, isPlace: boolean): string => (isPlace ? `${path}[${key}]` : `${path}.${key}`);
