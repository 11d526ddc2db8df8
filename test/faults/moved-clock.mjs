/** Imported before a process under test: its clock is off by the milliseconds in a file, which may change while it runs. */
import { readFileSync } from "node:fs";

const LOOK_EVERY_MS = 20;
const file = process.env.TEST_CLOCK_OFFSET_FILE;
const RealDate = Date;
let offsetMs = 0;
let lookedAt = Number.NEGATIVE_INFINITY;

const nowMs = () => {
  if (performance.now() - lookedAt >= LOOK_EVERY_MS) {
    offsetMs = Number(readFileSync(file, "utf8"));
    lookedAt = performance.now();
  }
  return RealDate.now() + offsetMs;
};

globalThis.Date = class extends RealDate {
  static now = nowMs;
  constructor(...given) {
    if (given.length === 0) super(nowMs());
    else super(...given);
  }
};
