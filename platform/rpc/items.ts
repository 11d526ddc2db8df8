/**
 * Items that are answered one by one: a repeated field of messages whose rules say `items: {ignore: IGNORE_ALWAYS}`. A bad one must not
 * harm the others, also when it cannot be read at all: then an empty message stands in its place, and what was wrong is kept beside it.
 */
import { type DescField, type DescMessage, getOption, type Message } from "@bufbuild/protobuf";
import { Ignore, field as rulesOf } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import type { Violation } from "#domain/errors.ts";

export interface ItemByItem {
  readonly field: DescField;
  readonly item: DescMessage;
  /** A longer list is refused as a whole. */
  readonly most: number;
}

export const itemByItemFields = (schema: DescMessage): ItemByItem[] =>
  schema.fields.flatMap((field) => {
    if (field.fieldKind !== "list" || field.listKind !== "message") return [];
    const { type } = getOption(field, rulesOf);
    if (type.case !== "repeated" || type.value.items?.ignore !== Ignore.ALWAYS) return [];
    return [{ field, item: field.message, most: Number(type.value.maxItems) }];
  });

const unreadable = new WeakMap<Message, readonly Violation[]>();

export const markUnreadable = (message: Message, violations: readonly Violation[]): void => void unreadable.set(message, violations);

/** What was wrong with the item that this message stands for; undefined when it is what was sent. */
export const whyUnreadable = (message: Message): readonly Violation[] | undefined => unreadable.get(message);
