/** Whether a key still opens anything. */
import type { KeyRecord } from "./store.ts";

export const isUsable = ({ revokedAtMs, expiresAtMs }: Pick<KeyRecord, "revokedAtMs" | "expiresAtMs">, nowMs: number): boolean =>
  revokedAtMs === 0 && (expiresAtMs === 0 || expiresAtMs > nowMs);
