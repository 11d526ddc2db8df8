/**
 * The span of a record in a stage: from when the record is handed out for the first time until its outcome is durable. What the record causes
 * is part of it.
 *
 * A record's `traceparent` may have been written by anybody: one that is not valid is as none, and does not go on.
 */
import type { Reason } from "#domain/reasons.ts";
import type { Clock } from "#platform/clock.ts";
import type { LogRecord } from "#platform/log/log.ts";
import type { Span, Tracer } from "#platform/telemetry/trace.ts";
import { readTraceparent, TRACEPARENT } from "#platform/telemetry/traceparent.ts";

/** A record under way, as far as this is concerned. */
interface Traced {
  readonly record: LogRecord;
  readonly value: unknown;
  traceparent: string | undefined;
  span: Span | undefined;
}

export class RecordSpans {
  readonly #stage: string;
  readonly #tracer: Tracer;
  readonly #clock: Clock;

  constructor({ stage, tracer, clock }: { stage: string; tracer: Tracer; clock: Clock }) {
    this.#stage = stage;
    this.#tracer = tracer;
    this.#clock = clock;
  }

  begin(entry: Traced): void {
    const { topic, partition, offset, timeMs, headers } = entry.record;
    if (headers[TRACEPARENT] === undefined) return;
    const parent = readTraceparent(headers[TRACEPARENT]);
    entry.span = this.#tracer.within(parent, `process ${this.#stage}`, "consumer");
    entry.traceparent = entry.span?.traceparent ?? parent;
    entry.span?.set({
      "messaging.operation.type": "process",
      "messaging.consumer.group.name": this.#stage,
      "messaging.destination.name": topic.name,
      "messaging.destination.partition.id": String(partition),
      "carillon.stage": this.#stage,
      "carillon.offset": offset,
      "carillon.waited_ms": Math.max(0, this.#clock.nowMs() - timeMs),
    });
  }

  /** Says whose record it is: the contracts call these ids alike. */
  decoded({ span, value }: Traced): void {
    if (!span) return;
    const { notificationId, deliveryId } = value as { notificationId?: unknown; deliveryId?: unknown };
    if (typeof notificationId === "string" && notificationId !== "") span.set({ "carillon.notification.id": notificationId });
    if (typeof deliveryId === "string" && deliveryId !== "") span.set({ "carillon.delivery.id": deliveryId });
  }

  done({ span }: Traced, outputs: number): void {
    span?.event("done", { "carillon.outputs": outputs });
  }

  buried({ span }: Traced, reason: Reason): void {
    span?.event("buried", { "carillon.reason": reason });
    span?.set({ "carillon.buried": reason });
  }

  /** It could not be done now, and comes again. */
  failed({ span }: Traced): void {
    span?.event("failed, comes again");
  }

  /** The outcome is durable. */
  settled(entry: Traced): void {
    this.#end(entry);
  }

  /** Nobody here works on it any more: its partition is another's, or the stage ends. */
  left(entry: Traced): void {
    this.#end(entry, "left unsettled");
  }

  #end(entry: Traced, failure?: string): void {
    entry.span?.end(failure);
    entry.span = undefined;
  }
}
