/** A secret of this installation: made at the first start, kept beside the data, readable by the owner only. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

export function secretOf(file: string): Uint8Array {
  try {
    writeFileSync(file, randomBytes(32), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return readFileSync(file);
}
