/** Reading a facade's JSON body: what is wrong with it is said field by field, with the right name for a near miss. */
import type { JsonObject } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { metadataFault } from "#domain/bounds.ts";
import { Problem, type Violation } from "#domain/errors.ts";
import { didYouMean, didYouMeanAmong } from "#domain/near.ts";
import { placeOf } from "#platform/json-place.ts";

export function parseBody<S extends z.ZodObject>(schema: S, body: Uint8Array): z.output<S> {
  const json = jsonOf(body);
  // Without the input a missing field cannot be told from one of a wrong type.
  const parsed = schema.safeParse(json, { reportInput: true });
  if (parsed.success) return parsed.data;
  const violations = parsed.error.issues.flatMap((issue) => violationsOf(issue, Object.keys(schema.shape)));
  throw new Problem("INVALID_REQUEST", {
    violations: [...new Map(violations.toReversed().map((each) => [each.field, each])).values()].reverse(),
  });
}

function jsonOf(body: Uint8Array): unknown {
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    return JSON.parse(text, wellFormed);
  } catch (cause) {
    throw new Problem("MALFORMED_JSON", { message: `The body is not valid JSON in UTF-8${placeOf(cause, text)}.`, cause });
  }
}

/** An escape may stand for half a character, which no other encoding of ours can hold. */
function wellFormed(key: string, value: unknown): unknown {
  if (key.isWellFormed() && (typeof value !== "string" || value.isWellFormed())) return value;
  throw new SyntaxError("A string holds half of a surrogate pair.");
}

function violationsOf(issue: z.core.$ZodIssue, known: readonly string[]): Violation[] {
  const path = issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  const field = path.replace(/^\./, "");
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      field: field === "" ? key : `${field}.${key}`,
      description: `unknown field${didYouMeanAmong(key, field === "" ? known : templateFields)}`,
    }));
  if (field === "") return [{ field: "(body)", description: "must be an object" }];
  if ((issue.code === "invalid_type" || issue.code === "invalid_union") && issue.input === undefined)
    return [{ field, description: "is missing" }];
  return [{ field, description: issue.message }];
}

export const text = z.string({ error: "must be a string" });

/** What somebody is to read: a blank message is a mistake of whoever sends it. */
export const words = text.regex(/\S/, { error: "must not be blank" });

/** One of `names`, read by `read`, which may know other spellings of them. */
export const oneOf = <T>(names: readonly string[], read: (name: string) => T | undefined) =>
  text.transform((name, context): T => {
    const value = read(name);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `must be one of ${names.join(", ")}${didYouMean(name, names)}` });
    return z.NEVER;
  });

const userIdError = { error: "must be a string of 1 to 128 characters or a whole number" };

/** Numeric user ids of older callers are accepted and kept as text. */
export const userId = z
  .union([z.string().min(1, userIdError).max(128, userIdError), z.int().nonnegative(userIdError)], userIdError)
  .transform(String);

const isObject = (json: unknown) => typeof json === "object" && json !== null && !Array.isArray(json);

const templateShape = {
  name: text,
  data: z.custom<JsonObject>(isObject, { error: "must be an object" }).optional(),
  locale: text.optional(),
};
/** It is the only object within a body that has fields of ours. */
const templateFields = Object.keys(templateShape);

/** In place of the words: a template's name, what to fill in, and the locale. What else is wrong with them Send says. */
export const template = z
  .strictObject(templateShape, { error: "must be an object" })
  .transform(({ name, data, locale }) => ({ name, locale: locale ?? "", ...(data && { data }) }));

/** For a body that has words or names a template. Looked at also when something else is wrong, so that all is told at once. */
export const isWorded = (body: unknown): boolean =>
  !isObject(body) || (body as JsonObject).content !== undefined || (body as JsonObject).template !== undefined;
export const unworded = { path: ["content"], error: "is missing", when: () => true };

/** Came out of JSON, so what is in it is JSON; how deep it may be is looked at before anybody walks through it. */
export const metadata = z.custom<JsonObject>(isObject, { error: "must be an object" }).superRefine((json, context) => {
  const fault = metadataFault(json);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});

/** When to send, as RFC 3339 with an offset: "2026-11-22T09:00:00+01:00". The bounds are Send's. */
export const sendAt = z.iso
  .datetime({ offset: true, error: 'must be a time with its offset like "2026-11-22T09:00:00Z"' })
  .transform((text) => timestampFromMs(Date.parse(text)));
