/**
 * The kinds of settings: each reads the text of an environment variable, and says what would be right when it cannot.
 *
 * Not z.coerce: it makes 0 of an empty text, true of "false", and 16 of "0x10". Add `.default(…)` where there is one, and
 * `.meta({ description })` last.
 */
import { z } from "zod";

/** A whole number in decimal digits, between `min` and `max`, both included. */
export function wholeNumber({ min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  const error = max === Number.MAX_SAFE_INTEGER ? `must be a whole number of at least ${min}` : `must be a whole number from ${min} to ${max}`;
  return z
    .string({ error })
    .regex(/^-?\d{1,16}$/, { error, abort: true })
    .transform(Number)
    .refine((value) => Number.isSafeInteger(value) && value >= min && value <= max, { error });
}

/** A TCP port; 0 lets the system pick a free one. */
export const port = () => wholeNumber({ min: 0, max: 65_535 });

/** true or false. */
export const flag = () => z.enum(["true", "false"], { error: "must be true or false" }).transform((text) => text === "true");

/** Texts separated by commas; spaces around them do not count, empty ones neither. */
export const list = () =>
  z.string().transform((text) =>
    text
      .split(",")
      .map((each) => each.trim())
      .filter((each) => each !== ""),
  );

const secrets = new WeakSet<object>();

/** A text that is never shown: not in a problem's sentence, not in the table's defaults. */
export function secret() {
  const field = z.string().min(1);
  secrets.add(field);
  return field;
}

/** Also when it was made optional, given a default or a description since. */
export function isSecret(field: z.core.$ZodType): boolean {
  if (secrets.has(field)) return true;
  const { innerType, in: piped } = field._zod.def as { innerType?: z.core.$ZodType; in?: z.core.$ZodType };
  const parent = field._zod.parent;
  return [innerType, piped, parent].some((inner) => inner !== undefined && isSecret(inner));
}
