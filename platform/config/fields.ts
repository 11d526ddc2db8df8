/**
 * The kinds of settings: each reads the text of an environment variable, and says what would be right when it cannot.
 *
 * Not z.coerce: it makes 0 of an empty text, true of "false", and 16 of "0x10". Add `.default(…)` where there is one, and
 * `.meta({ description })` last.
 */
import { z } from "zod";

/** A whole number in decimal digits, between `min` and `max`, both included. */
export function wholeNumber({ min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  const error =
    max === Number.MAX_SAFE_INTEGER ? `must be a whole number of at least ${min}` : `must be a whole number from ${min} to ${max}`;
  const field = z
    .string({ error })
    .regex(/^-?\d{1,16}$/, { error, abort: true })
    .transform(Number)
    .refine((value) => Number.isSafeInteger(value) && value >= min && value <= max, { error });
  return named(max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`, field);
}

/** A part of the whole, from 0 to 1. */
export function share() {
  const error = "must be a number from 0 to 1";
  const field = z
    .string({ error })
    .regex(/^(0|1|0?\.\d{1,9}|1\.0{1,9})$/, { error, abort: true })
    .transform(Number);
  return named("0 to 1", field);
}

/** A TCP port; 0 lets the system pick a free one. */
export const port = () => named("port", wholeNumber({ min: 0, max: 65_535 }));

/** true or false. */
export const flag = () =>
  named(
    "true | false",
    z.enum(["true", "false"], { error: "must be true or false" }).transform((text) => text === "true"),
  );

/** Texts separated by commas; spaces around them do not count, empty ones neither. */
export const list = () =>
  named(
    "list",
    z.string().transform((text) =>
      text
        .split(",")
        .map((each) => each.trim())
        .filter((each) => each !== ""),
    ),
  );

const SECRET = "secret";

/** A text that is never shown: not in a problem's sentence, not in the table's defaults. */
export const secret = () => named(SECRET, z.string().min(1, { error: "must not be empty" }));

/** The input of each is text to zod, so what it really takes is kept beside it. */
const kinds = new WeakMap<object, string>();

function named<F extends z.core.$ZodType>(kind: string, field: F): F {
  kinds.set(field, kind);
  return field;
}

/** What a field takes, in a word; also after `.optional()`, `.default()`, `.refine()` or `.meta()`. Undefined for fields from elsewhere. */
export function kindOf(field: z.core.$ZodType): string | undefined {
  const own = kinds.get(field);
  if (own !== undefined) return own;
  const { innerType, in: piped } = field._zod.def as { innerType?: z.core.$ZodType; in?: z.core.$ZodType };
  for (const inner of [field._zod.parent, innerType, piped]) {
    const kind = inner && kindOf(inner);
    if (kind !== undefined) return kind;
  }
  return undefined;
}

export const isSecret = (field: z.core.$ZodType): boolean => kindOf(field) === SECRET;
