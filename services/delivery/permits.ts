/**
 * So many at the same time, and no more; first come, first served.
 *
 * Who only waits for somebody else stands aside and makes room for the next: so do as many as there are permits, and those who are more
 * keep theirs.
 */
export interface Permits {
  /** Resolves when there is one; rejects with the signal's reason when it aborts before. */
  take(signal: AbortSignal): Promise<Permit>;
}

export interface Permit {
  /** At most once. */
  standAside(): void;
  /** Once. */
  give(): void;
}

export function permitsOf(count: number): Permits {
  let held = 0;
  let aside = 0;
  const waiting = new Set<() => void>();
  const isFree = () => held - Math.min(aside, count) < count;

  const taken = (): Permit => {
    held++;
    let isAside = false;
    return {
      standAside() {
        isAside = true;
        aside++;
        next();
      },
      give() {
        held--;
        if (isAside) aside--;
        next();
      },
    };
  };
  const next = () => {
    const [first] = waiting;
    if (first && isFree()) {
      waiting.delete(first);
      first();
    }
  };

  return {
    take(signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      if (isFree()) return Promise.resolve(taken());
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
