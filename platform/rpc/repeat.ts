/** What repeating needs: a method that has an idempotency key is to be repeated with the same one, and others are just repeated. */
import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import { errors, Problem } from "#domain/errors.ts";
import { itemByItemFields } from "./items.ts";

const REPEAT = / Repeat\.$/;

const hasKey = ({ fields }: DescMessage): boolean => fields.some(({ name }) => name === "idempotency_key");

/** The same, with the key in its words where the catalogue says to repeat and the method has one, for itself or for each of its items. */
export function withKeyIn(error: unknown, { input }: DescMethod): unknown {
  if (!(error instanceof Problem) || error.message !== errors[error.reason].says || !REPEAT.test(error.message)) return error;
  if (!hasKey(input) && !itemByItemFields(input).some(({ item }) => hasKey(item))) return error;
  const { retryAfterMs } = error;
  return new Problem(error.reason, {
    message: error.message.replace(REPEAT, " Repeat with the same idempotency key."),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    cause: error,
  });
}
