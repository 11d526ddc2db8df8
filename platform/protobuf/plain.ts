/** Which fields and messages the functions of this folder know. */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";

/** Thrown where something is not as usual: the library is to do the whole. Without a stack, which would cost more than the library. */
export const Unusual = Symbol("left to the library");

/** What a field holds, in the words of Writer and Reader. */
export type Kind = "text" | "bytes" | "bool" | "int32" | "uint32" | "int64" | "message";

/** A field that only the library knows, and nothing where it is absent: such a message is usual as long as it is. */
export type Rare = "rare";

const scalars: Partial<Record<ScalarType, Kind>> = {
  [ScalarType.STRING]: "text",
  [ScalarType.BYTES]: "bytes",
  [ScalarType.BOOL]: "bool",
  [ScalarType.INT32]: "int32",
  [ScalarType.UINT32]: "uint32",
  [ScalarType.INT64]: "int64",
};

/** `within`: the messages that the field is in, outermost first. */
export function kindOf(field: DescField, within: readonly DescMessage[]): Kind | Rare | undefined {
  if (field.fieldKind === "map" || field.oneof) return undefined;
  if (field.message) {
    if (!field.delimitedEncoding && isPlain(field.message, within)) return "message";
    return field.fieldKind === "list" ? undefined : "rare";
  }
  const isList = field.fieldKind === "list";
  if (!isList && field.presence !== FeatureSet_FieldPresence.IMPLICIT) return undefined;
  if (field.enum) return field.enum.open && (!isList || field.packed) ? "int32" : undefined;
  if (field.scalar === ScalarType.STRING && !field.utf8Validation) return undefined;
  const kind = scalars[field.scalar];
  if (isList) return kind === "text" ? kind : undefined;
  return kind === "int64" && field.longAsString ? undefined : kind;
}

/** The library gives well-known messages shapes of their own; one that contains itself could be nested without end. */
export function isPlain(desc: DescMessage, within: readonly DescMessage[] = []): boolean {
  if (within.includes(desc) || desc.typeName.startsWith("google.protobuf.")) return false;
  return desc.fields.every((field) => kindOf(field, [...within, desc]) !== undefined);
}
