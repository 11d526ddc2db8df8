/** Reading a facade's JSON body: what is wrong with it is said field by field, with the right name for a near miss. */
import { closest, distance } from "fastest-levenshtein";
import { z } from "zod";
import { Problem, type Violation } from "#domain/errors.ts";

export function parseBody<S extends z.ZodObject>(schema: S, body: Uint8Array): z.output<S> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new Problem("MALFORMED_JSON", { message: "The body is not valid JSON in UTF-8.", cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Problem("INVALID_REQUEST", {
    violations: parsed.error.issues.flatMap((issue) => violationsOf(issue, Object.keys(schema.shape))),
  });
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

/** In place of the words: a template's name, and what to fill in. */
export const template = z
  .strictObject({
    name: z.string({ error: "must be the name of a template" }),
    data: z.record(z.string(), z.json(), { error: "must be an object" }).optional(),
    locale: z.string({ error: "must be a BCP 47 tag like pt-BR" }).optional(),
  })
  .transform(({ name, data, locale }) => ({ name, locale: locale ?? "", ...(data && { data }) }));

export const metadata = z.record(z.string(), z.json(), { error: "must be an object" });
