/** Reading a facade's JSON body: what is wrong with it is said field by field, with the right name for a near miss. */
import type { JsonObject } from "@bufbuild/protobuf";
import { closest, distance } from "fastest-levenshtein";
import { z } from "zod";
import { metadataFault } from "#domain/bounds.ts";
import { Problem, type Violation } from "#domain/errors.ts";

export function parseBody<S extends z.ZodObject>(schema: S, body: Uint8Array): z.output<S> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body), wellFormed);
  } catch (cause) {
    throw new Problem("MALFORMED_JSON", { message: "The body is not valid JSON in UTF-8.", cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Problem("INVALID_REQUEST", {
    violations: parsed.error.issues.flatMap((issue) => violationsOf(issue, Object.keys(schema.shape))),
  });
}

/** An escape may stand for half a character, which no other encoding of ours can hold. */
function wellFormed(key: string, value: unknown): unknown {
  if (key.isWellFormed() && (typeof value !== "string" || value.isWellFormed())) return value;
  throw new SyntaxError("A string holds half of a surrogate pair.");
}

function violationsOf(issue: z.core.$ZodIssue, known: readonly string[]): Violation[] {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ field: path === "" ? key : `${path}.${key}`, description: `unknown field${hint(key, known)}` }));
  if (issue.code === "invalid_type" && issue.input === undefined && path !== "") return [{ field: path, description: "is missing" }];
  return [{ field: path === "" ? "(body)" : path, description: issue.message }];
}

const hint = (key: string, known: readonly string[]): string => {
  const near = closest(key, known);
  return distance(key.toLowerCase(), near.toLowerCase()) <= Math.max(2, key.length / 3)
    ? `; did you mean "${near}"?`
    : `; known are ${known.join(", ")}`;
};

/** Numeric user ids of older callers are accepted and kept as text. */
export const userId = z
  .union([z.string().min(1).max(128), z.int().nonnegative()], { error: "must be a string of 1 to 128 characters or a whole number" })
  .transform(String);

const isObject = (json: unknown) => typeof json === "object" && json !== null && !Array.isArray(json);

/** Came out of JSON, so what is in it is JSON; how deep it may be is looked at before anybody walks through it. */
export const metadata = z.custom<JsonObject>(isObject, { error: "must be an object" }).superRefine((json, context) => {
  const fault = metadataFault(json);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});
