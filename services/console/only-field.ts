/** The bodies of the console's own routes: JSON objects of one field. */
import { Problem, type Violation } from "#domain/errors.ts";
import { didYouMeanAmong } from "#domain/near.ts";

/** The field's value, whatever it is, as far as `wrong` finds nothing wrong with it. Throws Problem. */
export function onlyField(body: Uint8Array, field: string, wrong: (value: unknown) => string | undefined): unknown {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(body));
  } catch (cause) {
    throw new Problem("MALFORMED_JSON", { cause });
  }
  const { [field]: value, ...others } = Object(json) as Readonly<Record<string, unknown>>;
  const violations: Violation[] = Object.keys(others).map((key) => ({
    field: key,
    description: `unknown field${didYouMeanAmong(key, [field])}`,
  }));
  const description = value === undefined ? "is missing" : wrong(value);
  if (description !== undefined) violations.push({ field, description });
  if (violations.length > 0) throw new Problem("INVALID_REQUEST", { violations });
  return value;
}
