/**
 * Runs a stage: the one consume loop there is.
 *
 * Records come in by lane (holdings.ts), leave in batches by weight and in turn (turns.ts), and their outcomes are made durable together
 * (settling.ts). The order of a key is the lane's affair (lane.ts), what a stage leaves undone failing.ts's, a standstill the watchdog's.
 */
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Reason } from "#domain/reasons.ts";
import type { Topic } from "#domain/topics.ts";
import { further, joined, type Way } from "#domain/way.ts";
import type { Clock } from "#platform/clock.ts";
import { groupOf } from "#platform/config/consumer-group.ts";
import type { EventLog, LogRecord, Membership, Output } from "#platform/log/log.ts";
import { decodeKnown, NewerSchema } from "#platform/protobuf/known.ts";
import { noTracer, type Tracer } from "#platform/telemetry/trace.ts";
import { type Group, OpenBatch } from "./batch.ts";
import { Burials } from "./burials.ts";
import { Failing } from "./failing.ts";
import { Holdings } from "./holdings.ts";
import type { Entry, Lane } from "./lane.ts";
import { StageMetrics } from "./metrics.ts";
import { carriedOn, oversize } from "./outputs.ts";
import { Settling } from "./settling.ts";
import { RecordSpans } from "./spans.ts";
import type { Because, Stage } from "./stage.ts";
import { Turns } from "./turns.ts";
import { standstill, type Watched, watch } from "./watchdog.ts";
import { Window } from "./window.ts";

export interface RunningStage {
  /** Takes no more, lets batches end until the timeout, calls off the rest, settles what is settled, leaves. What is open comes again. */
  drain(timeoutMs: number): Promise<void>;
  health(): { ok: true } | { ok: false; why: string };
}

export interface StageNeeds<In> {
  readonly stage: Stage<In>;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Registry;
  /** Stands before the stage's name in its group's, with a dot; empty: the group is the stage's name. */
  readonly groupPrefix?: string;
  /** Default: none. */
  readonly tracer?: Tracer;
}

const WINDOW = 1_000;
/** Records that a partition may go on past one that takes long: a small window bounds what is under way, not this. */
const SPAN = 1_000;
const BATCH_SIZE = 250;
/** How long batches that were called off may take to end. */
const CALLED_OFF_MS = 500;

export async function runStage<In>(needs: StageNeeds<In>): Promise<RunningStage> {
  const runner = new Runner(needs);
  await runner.join();
  return runner;
}

class Runner<In> implements RunningStage {
  readonly #stage: Stage<In>;
  readonly #needs: StageNeeds<In>;
  readonly #writes: ReadonlySet<Topic>;
  readonly #decode: (record: LogRecord) => In;
  readonly #metrics: StageMetrics;
  readonly #turns: Turns<In>;
  readonly #holdings: Holdings<In>;
  readonly #failing: Failing<In>;
  readonly #settling: Settling<In>;
  readonly #burials: Burials<In>;
  readonly #spans: RecordSpans;
  readonly #watched: Watched;
  readonly #running = new Set<OpenBatch<In>>();
  readonly #stop = new AbortController();
  readonly #window: Window<In>;
  #membership: Membership | undefined;
  #pumping = false;
  #drained: Promise<void> | undefined;
  #drainUntilMs: number | undefined;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(needs: StageNeeds<In>) {
    const { stage, clock, logger, metrics, tracer = noTracer } = needs;
    this.#needs = needs;
    this.#stage = stage;
    this.#writes = new Set([...stage.writes, stage.deadLetters]);
    this.#decode = stage.decode ? (record) => (stage.decode as (record: LogRecord) => In)(record) : decodeProtobuf<In>;
    this.#metrics = new StageMetrics(metrics, stage);
    const most = stage.window ?? WINDOW;
    this.#window = new Window(most, () => this.#holdings.lanes());
    this.#turns = new Turns({
      reads: stage.reads,
      weights: stage.weights,
      span: Math.max(most, SPAN),
      mayTake: (lane) => this.#window.mayTake(lane),
    });
    this.#failing = new Failing({ clock, stop: this.#stop.signal, ready: () => this.#pumpSoon() });
    this.#burials = new Burials({ stage, writes: this.#writes, clock, logger });
    this.#spans = new RecordSpans({ stage: stage.name, tracer, clock });
    this.#settling = new Settling({
      ...{ name: stage.name, clock, logger, metrics: this.#metrics, membership: () => this.#membership },
      settled: (entries) => {
        for (const entry of entries) {
          this.#window.leave(entry);
          this.#spans.settled(entry);
        }
        for (const lane of this.#holdings.lanes()) if (lane.hasMore) this.#turns.enter(lane);
        this.#pumpSoon();
      },
    });
    this.#holdings = new Holdings({
      // Enough for a lane to fill a batch alone. What is further behind waits better in the log than here.
      waitingMost: Math.min(most, stage.batchSize ?? BATCH_SIZE),
      gatherMs: stage.gatherMs,
      ...{ oneInFlightPerKey: stage.oneInFlightPerKey ?? false, turns: this.#turns, metrics: this.#metrics },
      events: {
        outcome: (entry) => this.#settling.add(entry),
        suspect: (entry) => {
          this.#failing.again({ entries: [entry], failures: 1, sinceMs: clock.nowMs() });
          this.#pumpSoon();
        },
        ready: (lane) => {
          this.#turns.enter(lane);
          this.#pumpSoon();
        },
      },
      lost: (lane, forgotten) => this.#lost(lane, forgotten),
      changed: () => this.#window.divide(),
    });
    this.#watched = {
      batches: () => this.#running as Iterable<OpenBatch<unknown>>,
      failing: () => this.#failing.groups() as Iterable<Group<unknown>>,
      settling: () => this.#settling.busy,
    };
  }

  async join(): Promise<void> {
    const { log, clock, logger, groupPrefix = "" } = this.#needs;
    const group = groupOf(groupPrefix, this.#stage.name);
    this.#membership = await log.join(group, this.#stage.reads, this.#holdings);
    this.#holdings.joined(this.#membership);
    this.#metrics.watch({
      lag: (topic) => log.lag(group, [topic]),
      oldestAgeMs: (topic) => this.#oldestAgeMs(topic),
    });
    void watch(this.#watched, { stage: this.#stage.name, clock, logger, metrics: this.#metrics, signal: this.#stop.signal });
    this.#pumpSoon();
  }

  health(): { ok: true } | { ok: false; why: string } {
    const found = standstill(this.#watched, this.#needs.clock.nowMs());
    if (!found) return { ok: true };
    return { ok: false, why: `stage ${this.#stage.name}: ${found.records} records not settled for ${Math.round(found.ms / 1_000)} s` };
  }

  drain(timeoutMs: number): Promise<void> {
    this.#drained ??= this.#drain(timeoutMs);
    return this.#drained;
  }

  /** Once a turn, so that what arrives together goes out together. */
  #pumpSoon(): void {
    if (this.#pumping || this.#drained || !this.#membership) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      if (this.#drained) return;
      const most = this.#stage.concurrency ?? 1;
      while (this.#running.size < most) {
        const group = this.#failing.next() ?? this.#fresh();
        if (!group) break;
        this.#start(group);
      }
    });
  }

  #fresh(): Group<In> | undefined {
    const entries: Entry<In>[] = [];
    const most = this.#stage.batchSize ?? BATCH_SIZE;
    while (entries.length < most) {
      const entry = this.#turns.next();
      if (!entry) {
        // Lanes may have taken everything that waited without finding one to hand out.
        this.#holdings.fitAll();
        break;
      }
      this.#window.enter(entry);
      entry.lane.tally.in++;
      this.#spans.begin(entry);
      if (entry.lane.paused) this.#holdings.fit(entry.lane);
      if (this.#decoded(entry)) entries.push(entry);
    }
    return entries.length > 0 ? { entries, failures: 0, sinceMs: this.#needs.clock.nowMs() } : undefined;
  }

  /** False for poison, which is buried. */
  #decoded(entry: Entry<In>): boolean {
    try {
      entry.value = this.#decode(entry.record);
      this.#spans.decoded(entry);
      return true;
    } catch (error) {
      this.#giveUp(entry, error instanceof NewerSchema ? "newer_schema" : "undecodable", messageOf(error));
      return false;
    }
  }

  #start(group: Group<In>): void {
    const batch = new OpenBatch(group, {
      done: (entry, outputs) => this.#done(entry, outputs),
      bury: (entry, reason, because, outputs) => this.#bury(entry, reason, because, outputs),
      waiting: (each) => this.#callOffIfTooLong(each),
    });
    this.#running.add(batch);
    handled(this.#stage, batch).then(
      () => this.#ended(batch, undefined),
      (error) => this.#ended(batch, error ?? new Error("handle threw nothing")),
    );
  }

  #done(entry: Entry<In>, outputs: readonly Output[]): void {
    if (entry.settled || this.#closed) return;
    const carried = carriedOn(entry.traceparent, outputs, this.#writes);
    const tooLarge = oversize(carried);
    if (tooLarge !== undefined) {
      this.#giveUp(entry, "oversize", tooLarge);
      return;
    }
    this.#spans.done(entry, carried.length);
    entry.lane.tally.done++;
    entry.lane.settle(entry, carried);
  }

  /** By the runner's own decision: the stage can say what goes along. */
  #giveUp(entry: Entry<In>, reason: Reason, detail: string): void {
    if (entry.settled || this.#closed) return;
    this.#bury(entry, reason, { detail }, this.#burials.alongside(entry.record, entry.value, reason, detail));
  }

  #bury(entry: Entry<In>, reason: Reason, because: Because, outputs: readonly Output[]): void {
    if (entry.settled || this.#closed) return;
    const tooLarge = oversize(outputs);
    if (tooLarge !== undefined) {
      this.#giveUp(entry, reason, `${because.detail} [left out: ${tooLarge}]`);
      return;
    }
    const letter = this.#burials.bury(entry.record, reason, { ...because, way: joined(entry.way, because.way) });
    const carried = carriedOn(entry.traceparent, [...outputs, letter], this.#writes);
    this.#spans.buried(entry, reason);
    this.#metrics.buried(reason);
    entry.lane.tally.buried++;
    entry.lane.settle(entry, carried);
  }

  #ended(batch: OpenBatch<In>, error: unknown): void {
    this.#running.delete(batch);
    for (const entry of batch.records) entry.out = false;
    this.#metrics.batchEnded(this.#window.records, (performance.now() - batch.startedMs) / 1_000);
    const open = batch.open().filter((entry) => {
      if (entry.lane.lost) this.#leave(entry);
      return !entry.lane.lost;
    });
    if (!this.#drained) {
      if (batch.signal.aborted) this.#failing.again({ ...batch.group, entries: open });
      else if (open.length > 0 || error !== undefined) this.#failed(batch, open, error);
      this.#pumpSoon();
      return;
    }
    for (const entry of open) this.#spans.left(entry);
    if (this.#running.size === 0) this.#idle?.();
  }

  #failed(batch: OpenBatch<In>, open: readonly Entry<In>[], thrown: unknown): void {
    const error = thrown ?? new Error(`The stage left ${open.length} of ${batch.records.length} records unsettled.`);
    const { logger } = this.#needs;
    const counts = { records: batch.records.length, unsettled: open.length, failures: batch.group.failures + 1 };
    this.#metrics.failed("handle");
    logger.error({ err: error, stage: this.#stage.name, ...counts }, "stage failed");
    if (open.length === 0) return;
    for (const entry of open) {
      this.#spans.failed(entry);
      entry.way = this.#wayOn(entry, error);
    }
    for (const entry of this.#failing.failed(batch.group, open, error, batch.sinceMs))
      this.#giveUp(entry, "stage_failed", messageOf(error));
  }

  #wayOn({ way, record }: Entry<In>, error: unknown): Way {
    const about = { topic: record.topic.name, stage: this.#stage.name, sinceMs: record.timeMs, atMs: this.#needs.clock.nowMs() };
    return further(way, { ...about, reason: "stage_failed", detail: messageOf(error) });
  }

  #lost(lane: Lane<In>, forgotten: readonly Entry<In>[]): void {
    for (const entry of forgotten) this.#leave(entry);
    for (const batch of this.#running)
      if (batch.records.some((entry) => entry.lane === lane && !entry.settled)) batch.abort("The assignment is lost.");
    this.#pumpSoon();
  }

  #oldestAgeMs(topic: Topic): number {
    const lanes = this.#holdings.lanes().filter(({ assignment }) => assignment.topic.name === topic.name);
    const oldestMs = lanes.flatMap(({ oldestMs }) => oldestMs ?? []);
    return oldestMs.length === 0 ? 0 : Math.max(0, this.#needs.clock.nowMs() - Math.min(...oldestMs));
  }

  #leave(entry: Entry<In>): void {
    this.#window.leave(entry);
    this.#spans.left(entry);
  }

  async #drain(timeoutMs: number): Promise<void> {
    const { clock, logger } = this.#needs;
    this.#drainUntilMs = clock.nowMs() + timeoutMs;
    this.#holdings.close();
    for (const batch of this.#running) this.#callOffIfTooLong(batch);
    await this.#within(timeoutMs, this.#whenIdle());
    if (this.#running.size > 0) {
      for (const batch of this.#running) batch.abort("The stage drains.");
      await this.#within(CALLED_OFF_MS, this.#whenIdle());
    }
    for (const lane of this.#holdings.lanes()) lane.release();
    this.#closed = true;
    await this.#within(Math.max(this.#drainUntilMs - clock.nowMs(), CALLED_OFF_MS), this.#settling.empty());
    this.#settling.stop();
    this.#stop.abort();
    this.#metrics.batchEnded(0);
    await this.#membership?.leave().catch((error) => logger.warn({ err: error, stage: this.#stage.name }, "group not left"));
    logger.info({ stage: this.#stage.name, open: this.#window.records }, "stage drained");
  }

  /** What waits on purpose for longer than the drain may take is called off at once. */
  #callOffIfTooLong(batch: OpenBatch<In>): void {
    if (this.#drainUntilMs !== undefined && batch.waitingUntilMs > this.#drainUntilMs) batch.abort("The stage drains.");
  }

  #whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle = resolve;
      if (this.#running.size === 0) resolve();
    });
  }

  /** Resolves with the work, or when the time is over. */
  async #within(ms: number, work: Promise<void>): Promise<void> {
    const over = new AbortController();
    await Promise.race([work, this.#needs.clock.sleep(ms, over.signal)]);
    over.abort();
  }
}

/** What throws before its first await rejects all the same. */
const handled = async <In>(stage: Stage<In>, batch: OpenBatch<In>): Promise<void> => stage.handle(batch);

const decodeProtobuf = <In>({ topic, value }: LogRecord): In => decodeKnown(topic.schema, value) as In;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
