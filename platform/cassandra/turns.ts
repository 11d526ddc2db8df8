/**
 * Requests wait for their turn: so many are under way at once, so many more may wait, and each has its deadline, waiting included.
 *
 * What passes its deadline keeps its place until the driver has given it up as well: a cluster that does not answer gets no more to do.
 */
import { unavailable } from "./errors.ts";

export interface Bounds {
  readonly atOnce: number;
  readonly mostWaiting: number;
  readonly deadlineMs: number;
}

export class Turns {
  readonly #bounds: Bounds;
  readonly #waiting = new Set<() => void>();
  #busy = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  get counts() {
    return { busy: this.#busy, waiting: this.#waiting.size };
  }

  run<T>(request: () => Promise<T>): Promise<T> {
    const { atOnce, mostWaiting, deadlineMs } = this.#bounds;
    if (this.#waiting.size >= mostWaiting) return Promise.reject(unavailable(new Error(`${mostWaiting} requests wait already`)));
    return new Promise<T>((resolve, reject) => {
      const start = () => {
        this.#busy++;
        request()
          .then(resolve, reject)
          .finally(() => {
            clearTimeout(timer);
            this.#busy--;
            this.#next();
          });
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(start);
        reject(unavailable(new Error(`no answer within ${deadlineMs} ms`)));
      }, deadlineMs);
      if (this.#busy < atOnce) start();
      else this.#waiting.add(start);
    });
  }

  #next(): void {
    const [start] = this.#waiting;
    if (start === undefined) return;
    this.#waiting.delete(start);
    start();
  }
}
