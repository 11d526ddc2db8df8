/**
 * Reading a request from its bytes; a large one in parts, each in a turn of its own, so that four mebibytes hold up nobody else for longer
 * than a part of them takes.
 *
 * In Protobuf a part is some of the message's fields as they stand: messages that are read one after the other into the same one are the
 * message. In JSON the text is parsed at once, and then some items at a time are read.
 */
import { create, type DescMessage, type MessageShape, mergeFromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { Problem } from "#domain/errors.ts";
import { readJsonInParts } from "./json.ts";
import type { Load } from "./shed.ts";

/** Some two milliseconds of the dearest that there is. */
export const PART_BYTES = 64 * 1_024;

/** Throws Problem INVALID_REQUEST. */
export function readBinary<D extends DescMessage>(schema: D, bytes: Uint8Array, into = create(schema)): MessageShape<D> {
  try {
    return mergeFromBinary(schema, into, bytes);
  } catch (cause) {
    throw notOfType(schema, cause);
  }
}

/** Rejects as the readers of each encoding throw, and with what refuses the load. */
export async function readInParts<D extends DescMessage>(
  schema: D,
  encoding: "binary" | "json",
  bytes: Uint8Array,
  load: Load,
): Promise<MessageShape<D>> {
  if (encoding === "json") return readJsonInParts(schema, bytes, { partBytes: PART_BYTES, turn: load.decode });
  const message = create(schema);
  for (const part of partsOf(schema, bytes)) {
    await load.decode(part.byteLength);
    readBinary(schema, part, message);
  }
  return message;
}

/** Cut between fields. */
function* partsOf(schema: DescMessage, bytes: Uint8Array): Iterable<Uint8Array> {
  const reader = new BinaryReader(bytes);
  let from = 0;
  while (reader.pos < reader.len) {
    try {
      const [field, wireType] = reader.tag();
      reader.skip(wireType, field);
    } catch (cause) {
      throw notOfType(schema, cause);
    }
    if (reader.pos - from < PART_BYTES && reader.pos < reader.len) continue;
    yield bytes.subarray(from, reader.pos);
    from = reader.pos;
  }
}

const notOfType = ({ typeName }: DescMessage, cause: unknown) =>
  new Problem("INVALID_REQUEST", { message: `The body is not a Protobuf message of type ${typeName}.`, cause });
