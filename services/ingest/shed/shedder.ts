/**
 * Shedding at ingest's door: what sends may take of the process is bounded, and under pressure shared fairly, by environment and tenant.
 *
 * - Memory: a call holds its body, and some bytes for itself, from its first byte until it is answered. Where there is no room, whoever
 *   holds most makes some (shares.ts): their newest calls, as long as they have not begun, are told OVERLOADED.
 * - The processor and the log: sends take turns (turns.ts), some per turn of the event loop, and only so much is on its way into the log at
 *   once, and less while the router does not keep up (pace.ts). While nobody waits nobody is limited. Who has waited for a second is told OVERLOADED.
 *
 * So one who asks for less than a fair share waits for what has begun and not for what waits, and is not refused for another's sake. What
 * is refused has left nothing behind: a turn comes before the reservation.
 */
import type { HandlerContext } from "@connectrpc/connect";
import type { Registry } from "prom-client";
import { Problem } from "#domain/errors.ts";
import { fraction } from "#domain/jitter.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { callKey, principalOf } from "#platform/rpc/call.ts";
import { type Arrival, type Load, loadKey, type Shedder } from "#platform/rpc/shed.ts";
import { counter, gauge, lookUp } from "#platform/telemetry/metric.ts";
import { LogWindow } from "./log-window.ts";
import { Pace } from "./pace.ts";
import { type Flow, Shares } from "./shares.ts";
import { Turns } from "./turns.ts";

const shedTotal = counter({
  name: "carillon_ingest_shed_total",
  help: "Sends that were refused as OVERLOADED, by whose they were.",
  labels: {
    environment: "the caller's; (unknown): it was refused before its key was looked up",
    reason: "memory (others held less), wait (no turn within a second)",
  },
});
const heldBytes = gauge({ name: "carillon_ingest_held_bytes", help: "What sends under way hold of ingest's memory.", labels: {} });
const waiting = gauge({ name: "carillon_ingest_waiting", help: "Sends, or parts of batches, that wait for their turn.", labels: {} });

/** What a call holds beside its body. */
const CALL_BYTES = 8 * 1_024;
/** Turns that are given in one turn of the event loop; some five milliseconds. */
const LOOP_COST = 96 * 1_024;
const MOST_WAIT_MS = 1_000;
const LOOK_MS = 100;
const MOST_KEYS = 1_024;
/** When to repeat: between one second and five, so that those who were refused together do not come back together. */
const RETRY_MS = 1_000;
const RETRY_SPREAD_MS = 4_000;

export interface ShedderNeeds {
  readonly clock: Clock;
  readonly metrics: Registry;
  readonly mostBytes: number;
  /** As in pace.ts. */
  readonly mostLag: number;
  readonly lag: () => Promise<number>;
}

export type Ended = () => void;

/** One call, from its arrival until it is answered and nothing works for it any more. */
export interface Work extends Load {
  /** Of its request. */
  readonly bodyBytes: number;
  /** A part of it: waits for its turn; answers how to say that the log has it. Rejects with Problem OVERLOADED, the first time only. */
  turn(tenant: string, cost: number): Promise<Ended>;
}

interface Waiting {
  readonly sinceMs: number;
  /** Whether what it waits for goes into the log. */
  readonly logged: boolean;
  resolve(ended: Ended): void;
  reject(why: unknown): void;
}

class Call implements Work {
  readonly requestId: string;
  /** What it presented; undefined where it came by no door. */
  readonly key: string | undefined;
  readonly #shedder: SendShedder;
  flow: Flow;
  bytes = CALL_BYTES;
  /** It has had a turn: what it has cost would be for nothing if it were refused for its waiting now. */
  hasBegun = false;
  /** Some of it is on its way into the log: it cannot be put out any more. */
  isKept = false;
  users = 1;
  shed: Problem | undefined;
  waiting: Waiting | undefined;
  forget: ((why: Error) => void) | undefined;
  /** Aborts when nobody waits for its answer any more. */
  signal: AbortSignal | undefined;

  constructor(shedder: SendShedder, flow: Flow, requestId: string, key?: string) {
    this.#shedder = shedder;
    this.flow = flow;
    this.requestId = requestId;
    this.key = key;
  }

  of(environment: string, tenant?: string): void {
    this.#shedder.move(this, { environment, tenant });
  }

  get bodyBytes(): number {
    return this.bytes - CALL_BYTES;
  }

  hold(bytes: number): void {
    this.#shedder.hold(this, bytes);
  }

  onShed(forget: (why: Error) => void): void {
    this.forget = forget;
  }

  async decode(bytes: number): Promise<void> {
    await this.#shedder.turn(this, { cost: bytes, logged: false });
  }

  turn(tenant: string, cost: number): Promise<Ended> {
    this.of(this.flow.environment, tenant);
    return this.#shedder.turn(this, { cost, logged: true });
  }

  leave(): void {
    this.#shedder.leave(this);
  }

  readonly giveUp = (): void => this.#shedder.giveUp(this);
}

export class SendShedder implements Shedder {
  readonly methods = [IngestService.method.send, IngestService.method.sendBatch];
  readonly #clock: Clock;
  readonly #mostBytes: number;
  readonly #count: (environment: string, reason: "memory" | "wait") => void;
  readonly #shares = new Shares<Call>();
  /** Whose a key was when it was last looked up: for the shares only. */
  readonly #environmentOf = new Map<string, string>();
  readonly #turns = new Turns<Call>();
  readonly #window: LogWindow;
  readonly #pace: Pace;
  /** New calls that wait, in the order in which they came. */
  readonly #fresh = new Set<Call>();
  #keptBytes = 0;
  #loopCost = 0;
  #isLooking = false;

  constructor({ clock, metrics, mostBytes, mostLag, lag }: ShedderNeeds) {
    this.#clock = clock;
    this.#mostBytes = mostBytes;
    this.#window = new LogWindow(clock);
    this.#pace = new Pace({ clock, lag, mostLag, onRoom: () => this.#serve() });
    const total = shedTotal.on(metrics);
    this.#count = (environment, reason) => total.inc({ environment, reason });
    lookUp(heldBytes, metrics, () => [{ labels: {}, value: this.#shares.bytes }]);
    lookUp(waiting, metrics, () => [{ labels: {}, value: this.#turns.size }]);
  }

  /** Until its key has been looked up, a call is of the environment that the key was of last; else of the key alone. */
  enter({ headers, requestId }: Arrival): Load {
    const key = headers.get("authorization") ?? headers.get("cookie") ?? "";
    const environment = this.#environmentOf.get(key) ?? `${UNKNOWN}${key}`;
    return this.#entered(new Call(this, { environment, tenant: undefined }, requestId, key));
  }

  /** What answers a call works for it from now on, until it leaves. One that came by no door enters here. */
  work({ values, signal }: HandlerContext): Work {
    const { environment } = principalOf({ values });
    const come = values.get(loadKey) as Call | undefined;
    const call = come ?? this.#entered(new Call(this, { environment, tenant: undefined }, values.get(callKey)?.requestId ?? ""));
    if (come) come.users++;
    call.signal = signal;
    call.of(environment);
    return call;
  }

  hold(call: Call, bytes: number): void {
    if (call.shed) throw call.shed;
    call.bytes += bytes;
    this.#note(call);
    while (this.#shares.bytes > this.#mostBytes) {
      const heaviest = this.#shares.heaviest();
      if (!heaviest) return;
      this.#shed(heaviest, "memory");
      if (heaviest === call) throw call.shed;
    }
  }

  move(call: Call, flow: Flow): void {
    if (call.key !== undefined && flow.environment !== call.flow.environment) this.#learn(call.key, flow.environment);
    call.flow = flow;
    if (!call.shed) this.#note(call);
  }

  turn(call: Call, { cost, logged }: { cost: number; logged: boolean }): Promise<Ended> {
    if (call.shed) return Promise.reject(call.shed);
    if (call.signal?.aborted) return Promise.reject(call.signal.reason);
    if (this.#turns.size === 0 && this.#mayGo(call, cost, logged)) {
      return Promise.resolve(this.#go(call, cost, logged));
    }
    return new Promise((resolve, reject) => {
      call.waiting = { sinceMs: this.#clock.nowMs(), logged, resolve, reject };
      this.#turns.wait(call, call.flow, { cost, begun: call.isKept || (call.hasBegun && !logged) });
      call.signal?.addEventListener("abort", call.giveUp, { once: true });
      if (call.hasBegun) return;
      this.#fresh.add(call);
      if (!this.#isLooking) void this.#look();
    });
  }

  /** Nobody waits for the answer of one that waits for its turn. */
  giveUp(call: Call): void {
    const { waiting, signal } = call;
    this.#stopWaiting(call);
    waiting?.reject(signal?.reason);
    this.#serve();
  }

  leave(call: Call): void {
    if (--call.users > 0) return;
    if (call.isKept) this.#keptBytes -= call.bytes;
    this.#stopWaiting(call);
    this.#shares.delete(call);
    this.#serve();
  }

  #entered(call: Call): Call {
    this.#note(call);
    return call;
  }

  #learn(key: string, environment: string): void {
    this.#environmentOf.set(key, environment);
    for (const [oldest] of this.#environmentOf) {
      if (this.#environmentOf.size <= MOST_KEYS) return;
      this.#environmentOf.delete(oldest);
    }
  }

  #note(call: Call): void {
    this.#shares.set(call, call.flow, call.bytes, !call.isKept);
  }

  /** What is kept cannot make room any more, so that it may hold half of all there is. */
  get #mayKeep(): boolean {
    return this.#keptBytes < this.#mostBytes / 2;
  }

  #mayGo(call: Call, cost: number, logged: boolean): boolean {
    if (this.#loopCost >= LOOP_COST) return false;
    if (!logged) return true;
    return (call.isKept || this.#mayKeep) && this.#window.fits(cost) && this.#pace.hasRoom;
  }

  /** Answers how to say that what it does with its turn is done. */
  #go(call: Call, cost: number, logged: boolean): Ended {
    if (this.#loopCost === 0) setImmediate(() => this.#turned());
    this.#loopCost += cost;
    call.hasBegun = true;
    if (!logged) return () => {};
    if (!call.isKept) {
      call.isKept = true;
      this.#keptBytes += call.bytes;
      this.#note(call);
    }
    this.#pace.spend(cost);
    const answered = this.#window.begin(cost);
    return () => {
      answered();
      this.#serve();
    };
  }

  #turned(): void {
    this.#loopCost = 0;
    this.#serve();
  }

  #serve(): void {
    for (;;) {
      const next = this.#turns.next(this.#mayKeep);
      const { waiting } = next?.of ?? {};
      if (!next || !waiting || !this.#mayGo(next.of, next.cost, waiting.logged)) return;
      this.#turns.give(next.of);
      this.#stopWaiting(next.of);
      waiting.resolve(this.#go(next.of, next.cost, waiting.logged));
    }
  }

  #stopWaiting(call: Call): void {
    if (!call.waiting) return;
    call.waiting = undefined;
    call.signal?.removeEventListener("abort", call.giveUp);
    this.#fresh.delete(call);
    this.#turns.delete(call);
  }

  #shed(call: Call, reason: "memory" | "wait"): void {
    const { environment } = call.flow;
    this.#count(environment.startsWith(UNKNOWN) ? "(unknown)" : environment, reason);
    const retryAfterMs = RETRY_MS + Math.floor(RETRY_SPREAD_MS * fraction(call.requestId));
    const problem = new Problem("OVERLOADED", { retryAfterMs });
    const { waiting, forget } = call;
    call.shed = problem;
    this.#stopWaiting(call);
    this.#shares.delete(call);
    waiting?.reject(problem);
    forget?.(problem);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#fresh.size > 0) {
      await this.#clock.sleep(LOOK_MS);
      const dueMs = this.#clock.nowMs() - MOST_WAIT_MS;
      for (const call of this.#fresh) {
        if ((call.waiting?.sinceMs ?? 0) > dueMs) break;
        this.#shed(call, "wait");
      }
    }
    this.#isLooking = false;
  }
}

/** No environment's name begins so. */
const UNKNOWN = "?";
