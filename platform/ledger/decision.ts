/**
 * What was decided, as the ledger keeps it: a carillon.event.v1.DecisionRecord behind a seal of what follows.
 *
 * Protobuf that is cut between two fields decodes, and has lost what stood behind: quiet hours, or that something may be sent at most once. To who
 * knows no seals it is a field that they do not know, so processes of both kinds read what either of them recorded.
 */
import { crc32 } from "node:zlib";
import { type DecisionRecord, DecisionRecordSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { decode, encode } from "#platform/protobuf/codec.ts";

/** The tag of field 15 as fixed32, which DecisionRecord reserves. A record without a seal begins with another one. */
const TAG = (15 << 3) | 5;
const SEAL_BYTES = 5;

export function encodeDecision(record: DecisionRecord): Uint8Array {
  const message = encode(DecisionRecordSchema, record);
  const sealed = Buffer.alloc(SEAL_BYTES + message.length);
  sealed.writeUInt8(TAG);
  sealed.writeUInt32LE(crc32(message), 1);
  sealed.set(message, SEAL_BYTES);
  return sealed;
}

/** Undefined: it cannot be read. */
export function decodeDecision(bytes: Uint8Array): DecisionRecord | undefined {
  const isSealed = bytes[0] === TAG;
  if (isSealed && !holds(bytes)) return undefined;
  try {
    const record = decode(DecisionRecordSchema, isSealed ? bytes.subarray(SEAL_BYTES) : bytes);
    // Of one without a seal the time shows that the decisions, which stand before it, are whole.
    return isSealed || record.decidedAtMs > 0n ? record : undefined;
  } catch {
    return undefined;
  }
}

function holds(sealed: Uint8Array): boolean {
  if (sealed.length < SEAL_BYTES) return false;
  const { buffer, byteOffset, byteLength } = sealed;
  return new DataView(buffer, byteOffset, byteLength).getUint32(1, true) === crc32(sealed.subarray(SEAL_BYTES));
}
