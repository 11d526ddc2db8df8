/** So many at the same time, and no more; first come, first served. */
export interface Permits {
  /** Resolves when there is one; rejects with the signal's reason when it aborts before. */
  take(signal: AbortSignal): Promise<void>;
  give(): void;
}

export function permitsOf(count: number): Permits {
  let free = count;
  const waiting = new Set<() => void>();
  return {
    take(signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      if (free > 0) {
        free--;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const taken = () => {
          signal.removeEventListener("abort", gone);
          resolve();
        };
        const gone = () => {
          waiting.delete(taken);
          reject(signal.reason);
        };
        waiting.add(taken);
        signal.addEventListener("abort", gone, { once: true });
      });
    },
    give() {
      const [next] = waiting;
      if (!next) {
        free++;
        return;
      }
      waiting.delete(next);
      next();
    },
  };
}
