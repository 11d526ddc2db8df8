/**
 * A process that can be torn out at any moment it waits, and one that can stand still.
 *
 * Code runs in it only when something that it waits for happens: a timer, an answer, a delivery. Once it is dead nothing happens to it any
 * more, so nothing that it would have done next is done. While it stands still everything waits for it to go on.
 */
import type { Clock } from "#platform/clock.ts";
import type { Pending, Timeline } from "./timeline.ts";

/** `untilMs` is infinite while it lasts. */
export interface Stall {
  readonly fromMs: number;
  untilMs: number;
}

/** It dies with the call after so many, counted among those that are called so. */
export interface Doom {
  calls: number;
  /** How the names of such calls begin. */
  readonly called: string;
  die(): void;
}

export class Process {
  readonly name: string;
  readonly clock: Clock;
  readonly stalls: Stall[] = [];
  isAlive = true;
  /** How far its clock is ahead. */
  aheadMs = 0;
  readonly #timeline: Timeline;
  #held: { readonly what: string; readonly act: () => void }[] | undefined;
  #doom: Doom | undefined;

  /** `name` is unique per start. */
  constructor(name: string, timeline: Timeline) {
    this.name = name;
    this.#timeline = timeline;
    this.clock = {
      nowMs: () => timeline.nowMs + this.aheadMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const end = () => {
            timer.cancel();
            signal?.removeEventListener("abort", end);
            resolve();
          };
          const timer = this.after(ms, "timer", end);
          signal?.addEventListener("abort", end, { once: true });
        }),
    };
  }

  /** Something that happens to this process. */
  after(delayMs: number, what: string, act: () => void): Pending {
    return this.#timeline.after(delayMs, `${this.name}: ${what}`, () => {
      if (!this.isAlive) return;
      if (this.#held) this.#held.push({ what, act });
      else act();
    });
  }

  get isStalled(): boolean {
    return this.#held !== undefined;
  }

  stall(): void {
    if (!this.isAlive || this.#held) return;
    this.#held = [];
    this.stalls.push({ fromMs: this.#timeline.nowMs, untilMs: Number.POSITIVE_INFINITY });
  }

  wake(): void {
    const held = this.#held;
    const stall = this.stalls.at(-1);
    if (!held || !stall) return;
    this.#held = undefined;
    stall.untilMs = this.#timeline.nowMs;
    for (const { what, act } of held) this.after(0, what, act);
  }

  /** It dies with a call on its way: so many calls from now on are made as if nothing were to come. */
  doom(doom: Doom): void {
    this.#doom = doom;
  }

  spare(): void {
    this.#doom = undefined;
  }

  /** Said before each call that it makes. */
  calls(what: string): void {
    const doom = this.#doom;
    if (!doom || !what.startsWith(doom.called) || doom.calls-- > 0) return;
    this.#doom = undefined;
    this.#timeline.after(0, `${this.name}: dies`, () => doom.die());
  }

  die(): void {
    this.isAlive = false;
    this.#held = undefined;
    this.#doom = undefined;
  }
}
