/** UUIDs: version 5 from a name of domain/ids.ts, version 7 where nothing is there to derive from. */
import * as crypto from "node:crypto";

/** UUIDv5 of the URL namespace and "https://carillon.dev/ids": every derived id lives under it. */
const NAMESPACE = Buffer.from("6f5cf3c5b9a65ef4a0b1c0a2d6f3f6be", "hex");

const text = (hex: string) => `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;

export function uuidv5(name: string): string {
  const hex = crypto.hash("sha1", Buffer.concat([NAMESPACE, Buffer.from(name)]), "hex");
  const variant = ((Number.parseInt(hex[16] as string, 16) & 0x3) | 0x8).toString(16);
  return text(`${hex.slice(0, 12)}5${hex.slice(13, 16)}${variant}${hex.slice(17, 32)}`);
}

const pool = Buffer.alloc(4_096);
let used = pool.length;

export function uuidv7(nowMs: number): string {
  if (used + 10 > pool.length) {
    crypto.randomFillSync(pool);
    used = 0;
  }
  const random = pool.toString("hex", used, used + 10);
  used += 10;
  const variant = ((Number.parseInt(random[3] as string, 16) & 0x3) | 0x8).toString(16);
  return text(`${nowMs.toString(16).padStart(12, "0")}7${random.slice(0, 3)}${variant}${random.slice(4, 19)}`);
}
