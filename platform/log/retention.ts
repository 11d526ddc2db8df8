/**
 * Forgets what is older than the retention, in small steps with room for other work between them, for as long as the log is open.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "#platform/clock.ts";
import type { Storage } from "./storage.ts";

const PAUSE_MS = 60_000;

export async function keepForgetting(storage: Storage, clock: Clock, retentionMs: number, signal: AbortSignal): Promise<void> {
  const pauseMs = Math.min(PAUSE_MS, Math.max(1, retentionMs / 10));
  while (!signal.aborted) {
    try {
      while (!signal.aborted && (await storage.forget(clock.nowMs() - retentionMs))) await turn();
    } catch {
      // A full disk, say: whoever appends hears of it, and forgetting is tried again after the pause.
    }
    await clock.sleep(pauseMs, signal);
  }
}
