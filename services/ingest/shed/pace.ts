/**
 * How fast sends may go into the log while what is in it is not worked off: as fast as they come, until more than so many records wait for
 * the router; then slower from second to second until there are no more, and faster again when there are fewer.
 *
 * Several processes with ingest pace themselves by the same number and come to the same end. While the lag cannot be had all stays as it is.
 */
import type { Clock } from "#platform/clock.ts";

export interface PaceNeeds {
  readonly clock: Clock;
  /** Records that wait. */
  readonly lag: () => Promise<number>;
  /** More than these are too many; 0: there is no such number. */
  readonly mostLag: number;
  /** Is told when there is room again. */
  readonly onRoom: () => void;
}

const LOOK_MS = 1_000;
/** Room comes in small pieces, so that nobody waits for a whole second. */
const PIECE_MS = 100;
const SLOWER = 0.7;
const FASTER = 1.3;
/** Never slower, in cost a second: nobody waits long behind one part of a batch, whatever the lag. */
const LEAST_RATE = 512 * 1_024;
/** It ends when the lag is below this part of the most. */
const RELIEVED = 0.8;

export class Pace {
  readonly #needs: PaceNeeds;
  /** In cost a second; undefined: as they come. */
  #rate: number | undefined;
  #room = 0;
  #spent = 0;
  #lag = 0;
  #isLooking = false;

  constructor(needs: PaceNeeds) {
    this.#needs = needs;
  }

  /** Whether more may go into the log now. */
  get hasRoom(): boolean {
    return this.#rate === undefined || this.#room > 0;
  }

  spend(cost: number): void {
    this.#spent += cost;
    if (this.#rate !== undefined) this.#room -= cost;
    if (!this.#isLooking && this.#needs.mostLag > 0) void this.#look();
  }

  /** For as long as something goes into the log. */
  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#spent > 0 || this.#rate !== undefined) {
      const spent = this.#spent;
      this.#spent = 0;
      await this.#aWhile();
      const lag = await this.#needs.lag().catch(() => this.#lag);
      this.#rate = this.#rateAt(lag, spent);
      this.#lag = lag;
      if (this.#rate === undefined) this.#needs.onRoom();
    }
    this.#isLooking = false;
  }

  async #aWhile(): Promise<void> {
    const { clock, onRoom } = this.#needs;
    if (this.#rate === undefined) {
      this.#room = 0;
      return clock.sleep(LOOK_MS);
    }
    for (let piece = 0; piece < LOOK_MS / PIECE_MS; piece++) {
      const room = (this.#rate * PIECE_MS) / LOOK_MS;
      this.#room = Math.min(this.#room + room, room);
      onRoom();
      await clock.sleep(PIECE_MS);
    }
  }

  /** `spent`: in the second before. */
  #rateAt(lag: number, spent: number): number | undefined {
    const { mostLag } = this.#needs;
    if (lag > mostLag) {
      const before = this.#rate ?? spent;
      return Math.max(LEAST_RATE, lag > this.#lag ? before * SLOWER : before);
    }
    if (this.#rate === undefined || lag < mostLag * RELIEVED) return undefined;
    return this.#rate * FASTER;
  }
}
