/** So many at the same time, and no more; first come, first served. */
export interface Permits {
  /** Resolves when there is one, with what gives it back (a second time does nothing); rejects with the signal's reason when it aborts before. */
  take(signal: AbortSignal): Promise<() => void>;
}

export function permitsOf(count: number): Permits {
  let free = count;
  const waiting = new Set<() => void>();

  const taken = () => {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const [next] = waiting;
      if (next) {
        waiting.delete(next);
        next();
      } else free++;
    };
  };

  return {
    take(signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      if (free > 0) {
        free--;
        return Promise.resolve(taken());
      }
      return new Promise((resolve, reject) => {
        const turn = () => {
          signal.removeEventListener("abort", gone);
          resolve(taken());
        };
        const gone = () => {
          waiting.delete(turn);
          reject(signal.reason);
        };
        waiting.add(turn);
        signal.addEventListener("abort", gone, { once: true });
      });
    },
  };
}
