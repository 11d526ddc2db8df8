/**
 * Protobuf for the messages of the log, several times as fast as the library: for every message a function made from its descriptor, as
 * plain as if written by hand.
 *
 * The functions know what is usual. Whatever is not (an unknown field, a value out of bounds, a truncated message, a kind of field that
 * plain.ts does not name) is left to the library as a whole, from the beginning: bytes, messages and errors are always the library's.
 */
import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Decoder, decoderOf, Reader } from "./decode.ts";
import { type Encoder, encoderOf, Writer } from "./encode.ts";
import { isPlain, Unusual } from "./plain.ts";

const encoders = new WeakMap<DescMessage, Encoder | "library">();
const decoders = new WeakMap<DescMessage, Decoder | "library">();
const writer = new Writer();

/** As `toBinary(schema, create(schema, message))`. */
export function encode<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Uint8Array<ArrayBuffer> {
  const encoder = known(encoders, schema, encoderOf);
  if (encoder === "library") return byLibrary(schema, message);
  try {
    encoder(message as Readonly<Record<string, unknown>>, writer);
    return writer.finish();
  } catch (error) {
    writer.reset();
    if (error !== Unusual) throw error;
    return byLibrary(schema, message);
  }
}

/** As `fromBinary(schema, bytes)`: bytes fields are views of `bytes`. */
export function decode<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  const decoder = known(decoders, schema, decoderOf);
  if (decoder === "library") return fromBinary(schema, bytes);
  try {
    return decoder(new Reader(bytes), bytes.length) as MessageShape<D>;
  } catch (error) {
    if (error !== Unusual) throw error;
    return fromBinary(schema, bytes);
  }
}

const byLibrary = <D extends DescMessage>(schema: D, message: MessageInitShape<D>): Uint8Array<ArrayBuffer> =>
  toBinary(schema, create(schema, message)) as Uint8Array<ArrayBuffer>;

function known<C>(all: WeakMap<DescMessage, C | "library">, schema: DescMessage, make: (schema: DescMessage) => C): C | "library" {
  let found = all.get(schema);
  if (found === undefined) {
    found = isPlain(schema) ? make(schema) : "library";
    all.set(schema, found);
  }
  return found;
}
