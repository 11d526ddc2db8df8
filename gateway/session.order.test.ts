/**
 * Whatever happens, in whatever order: a browser has every message of its person exactly once and in order, over all its connections.
 *
 * The browser here drops no repeat and fills no hole by itself: it takes what it is sent, and comes back with its last cursor.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { parseCursor } from "#domain/cursor.ts";
import { HeldInbox } from "./inbox.fixture.ts";
import { Line, settled } from "./session.fixture.ts";

const PAGE = 3;
const KEPT = 8;

class Browser {
  readonly inbox: HeldInbox;
  /** What it shows; anew after a reset. */
  shown: { seq: number; cursor: string; notificationId: string }[] = [];
  /** Fan-out messages that are not there yet. */
  late: Uint8Array[] = [];
  /** Something happened that nothing but a read can show. */
  isMissing = false;
  /** The newest seq when what it shows began; unknown after a reset. */
  #topAtBeginning = 0;
  line: Line | undefined;
  #taken = 0;
  readonly #resumesBy: "cursor" | "lastNotificationId";

  constructor(resumesBy: "cursor" | "lastNotificationId") {
    this.#resumesBy = resumesBy;
    // An id that the inbox does not know says nothing about what the browser has: who comes back with one must find it there.
    this.inbox = new HeldInbox({ page: PAGE, ...(resumesBy === "cursor" && { kept: KEPT }) });
  }

  async connect(isHolding: boolean): Promise<void> {
    if (this.line) return;
    const last = this.shown.at(-1);
    this.#taken = 0;
    this.isMissing = false;
    this.line = new Line(this.inbox);
    this.line.isHolding = isHolding;
    await this.line.hello(last && { [this.#resumesBy]: this.#resumesBy === "cursor" ? last.cursor : last.notificationId });
  }

  cut(): void {
    this.line?.cut();
    this.line = undefined;
  }

  /** Takes what has arrived, and checks it against what it has. */
  take(): void {
    const { line } = this;
    if (!line) return;
    for (const frame of line.frames.slice(this.#taken)) {
      this.#taken++;
      if (this.#taken === 1) expect(["welcome", "goodbye"]).toContain(frame.case);
      if (frame.case === "welcome" && this.shown.length === 0) this.#topAtBeginning = Number(frame.value.topSeq);
      if (frame.case === "reset") {
        this.shown = [];
        this.#topAtBeginning = Number.POSITIVE_INFINITY;
      } else if (frame.case === "message") {
        const at = parseCursor(frame.value.cursor);
        const last = this.shown.at(-1);
        const follows = last ? { seq: last.seq + 1, epoch: parseCursor(last.cursor)?.epoch } : { seq: at?.seq, epoch: at?.epoch };
        expect(at).toEqual(follows);
        expect(frame.value.message?.seq).toBe(BigInt(at?.seq ?? 0));
        if (!last) expect(at?.seq).toBeLessThanOrEqual(this.#topAtBeginning + 1);
        this.shown.push({ seq: at?.seq ?? 0, cursor: frame.value.cursor, notificationId: frame.value.message?.notificationId ?? "" });
      }
    }
    if (line.isGone) this.line = undefined;
  }

  /** The world becomes quiet and quick: everything that is on its way happens. */
  async calm(): Promise<void> {
    await this.connect(false);
    const { line } = this;
    if (!line) return;
    line.isHolding = false;
    while (line.held.length > 0) await line.release();
    await line.drain();
    while (line.held.length > 0) await line.release();
  }

  /** Everything that the inbox has, up to its newest. */
  expectAll(): void {
    this.take();
    expect(this.line).toBeDefined();
    const { topSeq, epoch } = this.inbox;
    expect(this.shown.at(-1)?.cursor ?? "").toBe(topSeq === 0 ? "" : `${epoch}:${topSeq}`);
  }
}

type Step = (browser: Browser) => Promise<void> | void;
const step = (name: string, run: Step) => fc.constant(Object.assign(run, { [fc.toStringMethod]: () => name }));
const publish = (name: string, carry: (browser: Browser, message: Uint8Array) => Promise<unknown> | unknown) =>
  step(name, async (browser) => {
    const message = browser.inbox.put();
    await carry(browser, message);
  });

const steps = {
  publish: publish("publish", ({ line }, message) => line?.hear(message)),
  repeat: publish("publish twice", ({ line }, message) => line?.hear(message, message)),
  lose: publish("publish, lost", (browser) => {
    browser.isMissing = true;
  }),
  delay: publish("publish, late", (browser, message) => {
    browser.isMissing = true;
    browser.late.push(message);
  }),
  miss: step("the fan-out says that it may have lost some", async (browser) => {
    if (browser.line) browser.isMissing = false;
    await browser.line?.miss();
  }),
  arrive: step("the late arrive, newest first", async (browser) => {
    await browser.line?.hear(...browser.late.splice(0).reverse());
  }),
  release: step("an answer comes", (browser) => browser.line?.release()),
  connectHolding: step("connect", (browser) => browser.connect(true)),
  connect: step("connect, all answers at once", (browser) => browser.connect(false)),
  hold: step("answers take time", ({ line }) => {
    if (line) line.isHolding = true;
  }),
  fail: step("an answer fails", async ({ line }) => {
    line?.held.shift()?.fail(new Error("no answer"));
    await settled();
  }),
  cut: step("the connection is cut", (browser) => browser.cut()),
  slow: step("the browser is slow", ({ line }) => {
    if (line) line.isSlow = true;
  }),
  drain: step("the browser has read its queue", (browser) => browser.line?.drain()),
  beat: step("a heartbeat", async ({ line }) => {
    void line?.session.beat();
    await settled();
  }),
};
const anew = step("the inbox is lost and begins anew", (browser) => {
  browser.isMissing = true;
  browser.inbox.lose();
});

const often = [steps.publish, steps.release, steps.delay, steps.arrive];
const histories = fc.record({
  resumesBy: fc.constantFrom("cursor" as const, "lastNotificationId" as const),
  history: historyOf(...often, ...Object.values(steps), anew),
});
function historyOf(...each: readonly fc.Arbitrary<Step>[]) {
  return fc.array(fc.oneof(...each), { maxLength: 40, size: "max" });
}

it("every message exactly once and in order, through losses, repeats, delays, cuts, slowness and failures", async () => {
  await fc.assert(
    fc.asyncProperty(histories, async ({ resumesBy, history }) => {
      const browser = new Browser(resumesBy);
      for (const happens of history) {
        await happens(browser);
        browser.take();
      }
      await browser.calm();
      if (!browser.isMissing) browser.expectAll();
      await browser.line?.session.beat();
      browser.expectAll();
    }),
    { numRuns: 400 },
  );
});
