/**
 * Makes one call of many: what is asked while a call runs goes together into the next one. Nobody waits for others to come, and the more
 * is asked, the larger the calls become.
 */
interface Asked<T, R> {
  readonly item: T;
  resolve(answer: R): void;
  reject(error: unknown): void;
}

/** `run` answers one item each, in order. What it throws goes to all that asked in that call. */
export function gather<T, R>(run: (items: readonly T[]) => Promise<readonly R[]>): (item: T) => Promise<R> {
  let asked: Asked<T, R>[] = [];
  let running = false;

  const flush = async () => {
    for (let round = asked; round.length > 0; round = asked) {
      asked = [];
      try {
        const answers = await run(round.map(({ item }) => item));
        for (const [place, { resolve }] of round.entries()) resolve(answers[place] as R);
      } catch (error) {
        for (const { reject } of round) reject(error);
      }
    }
    running = false;
  };

  return (item) =>
    new Promise((resolve, reject) => {
      asked.push({ item, resolve, reject });
      if (running) return;
      running = true;
      queueMicrotask(() => void flush());
    });
}
