/**
 * Whether this version knows every value that a message holds. A field that it does not know it can leave alone, which is why fields are only
 * ever added; a value of an enum that it has no name for it would take for something else. A newer version has written that.
 */
import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf";
import { decode } from "./codec.ts";

/** Where the first value is that is not known, and which; undefined: all are. */
type Look = (message: Readonly<Record<string, unknown>>) => string | undefined;

const looks = new WeakMap<DescMessage, Look | "nothing to look for">();

/** A newer version wrote it. The message names the field and the value. */
export class NewerSchema extends Error {}

/** As decode; throws NewerSchema for what this version would take for something else. */
export function decodeKnown<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  const message = decode(schema, bytes);
  const unknown = unknownIn(schema, message);
  if (unknown === undefined) return message;
  throw new NewerSchema(`${unknown}: this version does not know the value, a newer one wrote it`);
}

function unknownIn<D extends DescMessage>(schema: D, message: MessageShape<D>): string | undefined {
  let look = looks.get(schema);
  if (look === undefined) {
    look = lookOf(schema, []) ?? "nothing to look for";
    looks.set(schema, look);
  }
  return typeof look === "string" ? undefined : look(message as unknown as Readonly<Record<string, unknown>>);
}

/** `within`: the messages that it is in. What can hold itself (a Struct) holds no enums of ours. */
function lookOf(desc: DescMessage, within: readonly DescMessage[]): Look | undefined {
  if (within.includes(desc) || desc.typeName.startsWith("google.protobuf.")) return undefined;
  const all = desc.fields.flatMap((field) => lookAt(field, [...within, desc]) ?? []);
  if (all.length === 0) return undefined;
  return (message) => {
    for (const look of all) {
      const found = look(message);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

function lookAt(field: DescField, within: readonly DescMessage[]): Look | undefined {
  const one = valueLook(field, within);
  if (!one || field.fieldKind === "map") return undefined;
  const { localName, name } = field;
  const told = (found: string | undefined) => found && `${name}${found}`;
  if (field.fieldKind !== "list") return (message) => told(one(message[localName]));
  return (message) => {
    for (const value of message[localName] as readonly unknown[]) {
      const found = one(value);
      if (found !== undefined) return told(found);
    }
    return undefined;
  };
}

function valueLook(field: DescField, within: readonly DescMessage[]): ((value: unknown) => string | undefined) | undefined {
  if (field.enum) {
    const known = new Set<unknown>(field.enum.values.map(({ number }) => number));
    return (value) => (known.has(value) ? undefined : ` = ${value}`);
  }
  const look = field.message && lookOf(field.message, within);
  return look && (((value) => value && addDot(look(value as Readonly<Record<string, unknown>>))) as (value: unknown) => string | undefined);
}

const addDot = (found: string | undefined) => found && `.${found}`;
