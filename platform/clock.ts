/**
 * Time, as a port: nothing that decides or waits reads the system's clock or sets a timer by itself.
 *
 * Times are epoch milliseconds.
 */
export interface Clock {
  nowMs(): number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, Math.min(ms, 2_147_483_647));
      signal?.addEventListener("abort", end, { once: true });
    }),
};
