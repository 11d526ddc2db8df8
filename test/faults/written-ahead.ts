/**
 * How far SQLite's write-ahead log had come at a moment, and the loss of everything behind it. The format: https://sqlite.org/fileformat.html#walformat,
 * a header of 32 bytes with two salts, then frames of a header with the same salts and a page. A log that begins anew has other salts.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync, truncateSync } from "node:fs";
import { join } from "node:path";

const HEADER = 32;
const FRAME_HEADER = 24;

export class WrittenAhead {
  #salts = "";
  #frames = 0;

  /** Remembers how many frames there are now. */
  look(dataDir: string): void {
    this.#advance(dataDir);
  }

  /** Whether frames have come since the last look. */
  isAhead(dataDir: string): boolean {
    const [salts, frames] = [this.#salts, this.#frames];
    this.#advance(dataDir);
    const isAhead = this.#salts !== salts || this.#frames > frames;
    [this.#salts, this.#frames] = [salts, frames];
    return isAhead;
  }

  /** Cuts off the frames that came after the last look; answers how many. Of a log that has begun anew since, all of them. */
  loseTheRest(dataDir: string): number {
    const [salts, kept] = [this.#salts, this.#frames];
    const size = this.#advance(dataDir);
    const left = this.#salts === salts ? kept : 0;
    const lost = this.#frames - left;
    this.#frames = left;
    if (size > 0) truncateSync(fileOf(dataDir), HEADER + left * size);
    return lost;
  }

  /** Answers the size of a frame; 0: there is no log. */
  #advance(dataDir: string): number {
    if (!existsSync(fileOf(dataDir))) return 0;
    const file = openSync(fileOf(dataDir), "r");
    try {
      if (fstatSync(file).size < HEADER) return 0;
      const header = readAt(file, 0, HEADER);
      const frame = FRAME_HEADER + header.readUInt32BE(8);
      const salts = header.toString("hex", 16, 24);
      if (salts !== this.#salts) [this.#salts, this.#frames] = [salts, 0];
      while (readAt(file, HEADER + this.#frames * frame, FRAME_HEADER).toString("hex", 8, 16) === salts) this.#frames++;
      return frame;
    } finally {
      closeSync(file);
    }
  }
}

const fileOf = (dataDir: string) => join(dataDir, "carillon.sqlite-wal");

function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, position);
  return bytes;
}
