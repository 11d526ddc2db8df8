/** One connection to a session, without a socket: what takes time may be held until the test lets it happen, in the order it was asked. */
import { create, fromJsonString, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { ClientFrameSchema, type ServerFrame, ServerFrameSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import { type FakeClock, fakeClock } from "../test/fakes/clock.ts";
import type { HeldInbox } from "./inbox.fixture.ts";
import { Session, type SessionNeeds } from "./session.ts";

/** Every promise that can go on has. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

type Said = NonNullable<MessageInitShape<typeof ClientFrameSchema>["frame"]>;

interface Held {
  readonly release: () => void;
  readonly fail: (error: Error) => void;
}

export class Line {
  readonly session: Session;
  readonly clock: FakeClock;
  /** What has arrived at the browser. */
  readonly frames: ServerFrame["frame"][] = [];
  readonly reported: unknown[] = [];
  /** From now on answers wait in `held`. */
  isHolding = false;
  readonly held: Held[] = [];
  /** From now on frames wait in a queue, of which each fills 100 KiB. */
  isSlow = false;
  signedIn = 0;
  code: number | undefined;
  isGone = false;
  #queue: string[] = [];
  #listener: (message: Uint8Array) => void = () => {};
  #missed: () => void = () => {};

  constructor(inbox: HeldInbox, { clock = fakeClock(), ...spoilt }: Partial<SessionNeeds> & { readonly clock?: FakeClock } = {}) {
    this.clock = clock;
    this.session = new Session({
      send: (text) => this.#arrive(text),
      queuedBytes: () => this.#queue.length * 100 * 1_024,
      close: (code) => this.#end(code),
      verify: (token) => this.#answer(token === "" ? undefined : { userId: token, environment: "development", expiresAtMs: Infinity }),
      signIn: () => {
        this.signedIn++;
        return true;
      },
      subscribe: async (_identity, listener, missed) => {
        await this.#answer(undefined);
        this.#listener = listener;
        this.#missed = missed;
      },
      list: (_identity, after) => this.#answer(inbox.list(after)),
      report: (error) => this.reported.push(error),
      heartbeatMs: 30_000,
      nowMs: () => clock.nowMs(),
      ...spoilt,
    });
  }

  async say(frame: Said): Promise<void> {
    await this.raw(toJsonString(ClientFrameSchema, create(ClientFrameSchema, { frame })));
  }

  async raw(text: string): Promise<void> {
    void this.session.receive(text);
    await settled();
  }

  hello = (more: { cursor?: string; lastNotificationId?: string } = {}) => this.say({ case: "hello", value: { token: "ann", ...more } });

  async hear(...messages: readonly Uint8Array[]): Promise<void> {
    for (const message of messages) this.#listener(message);
    await settled();
  }

  /** The fan-out may have lost messages. */
  async miss(): Promise<void> {
    this.#missed();
    await settled();
  }

  /** The first of those held happens. */
  async release(): Promise<void> {
    this.held.shift()?.release();
    await settled();
  }

  /** A slow browser has read its queue. */
  async drain(): Promise<void> {
    this.isSlow = false;
    this.#flush();
    if (!this.isGone) this.session.drained();
    await settled();
  }

  /** The connection is lost, with all that was queued. */
  cut(): void {
    this.isGone = true;
    this.#queue = [];
    this.session.closed();
  }

  /** The frames in short: what each is, messages by their seq. */
  get story(): (string | number)[] {
    return this.frames.map((frame) => (frame.case === "message" ? Number(frame.value.message?.seq) : (frame.case ?? "")));
  }

  /** The last frame of a kind. */
  last<K extends NonNullable<ServerFrame["frame"]["case"]>>(kind: K) {
    const found = this.frames.findLast((frame) => frame.case === kind);
    return found?.value as Extract<ServerFrame["frame"], { case: K }>["value"] | undefined;
  }

  #answer<T>(answer: T): Promise<T> {
    if (!this.isHolding) return Promise.resolve(answer);
    return new Promise((resolve, reject) => this.held.push({ release: () => resolve(answer), fail: reject }));
  }

  #arrive(text: string): boolean {
    if (this.isGone) throw new Error("sent to a connection that is gone");
    this.#queue.push(text);
    if (!this.isSlow) this.#flush();
    return true;
  }

  #flush(): void {
    for (const text of this.#queue.splice(0)) this.frames.push(fromJsonString(ServerFrameSchema, text).frame);
  }

  #end(code: number): void {
    this.#flush();
    this.code = code;
    this.isGone = true;
    this.session.closed();
  }
}
