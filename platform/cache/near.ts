/**
 * Copies in the process, for a moment: what is asked for all the time is not fetched each time. What another process writes is told over
 * the fan-out; when that is lost, a copy is as old as its time to live at most.
 */
import type { Clock } from "#platform/clock.ts";
import type { Fanout } from "#platform/fanout/fanout.ts";

export interface NearOptions {
  readonly fanout: Fanout;
  readonly ttlMs: number;
  /** How many are kept; the one that was not asked for longest goes first. */
  readonly most: number;
}

export class Near<V> {
  readonly #options: NearOptions;
  readonly #channel: string;
  readonly #clock: Clock;
  readonly #copies = new Map<string, { readonly value: V; readonly untilMs: number }>();

  /** `dropped`: another process has written these; undefined: it may have written any. */
  static async listening<V>(
    options: NearOptions & { readonly name: string; readonly clock: Clock; readonly dropped: (keys?: readonly string[]) => void },
  ): Promise<Near<V>> {
    const near = new Near<V>(options);
    const hear = (message: Uint8Array) => {
      const keys = JSON.parse(Buffer.from(message).toString()) as string[];
      near.#forget(keys);
      options.dropped(keys);
    };
    const missed = () => {
      near.#copies.clear();
      options.dropped();
    };
    await options.fanout.subscribe(near.#channel, hear, missed);
    return near;
  }

  private constructor(options: NearOptions & { readonly name: string; readonly clock: Clock }) {
    this.#options = options;
    this.#channel = `cache:${options.name}`;
    this.#clock = options.clock;
  }

  get(key: string): V | undefined {
    const copy = this.#copies.get(key);
    if (!copy) return undefined;
    this.#copies.delete(key);
    if (copy.untilMs <= this.#clock.nowMs()) return undefined;
    this.#copies.set(key, copy);
    return copy.value;
  }

  keep(key: string, value: V): void {
    this.#copies.delete(key);
    this.#copies.set(key, { value, untilMs: this.#clock.nowMs() + this.#options.ttlMs });
    if (this.#copies.size > this.#options.most) this.#copies.delete(this.#copies.keys().next().value as string);
  }

  drop(keys: readonly string[]): void {
    this.#forget(keys);
    this.#options.fanout.publish(this.#channel, Buffer.from(JSON.stringify(keys)));
  }

  #forget(keys: readonly string[]): void {
    for (const key of keys) this.#copies.delete(key);
  }
}
