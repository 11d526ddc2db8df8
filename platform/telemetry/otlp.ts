/**
 * Tracing over OpenTelemetry's SDK, sent by OTLP/HTTP (Protobuf). Loaded only when an endpoint is configured.
 *
 * Whether something is recorded is decided before the SDK is asked. Ended spans wait in a queue of bounded length and go out in the
 * background; what does not fit, or is not taken by the endpoint, is dropped and counted, and nothing else notices.
 */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AlwaysOnSampler, BatchSpanProcessor, type SpanExporter, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Clock } from "#platform/clock.ts";
import { traceSpans } from "./otlp.metrics.ts";
import type { SpanKind as Kind, Span, Tracer } from "./trace.ts";
import { isSampled, spanIdOf, traceIdOf } from "./traceparent.ts";

/** Ended spans that wait; some 2 KiB each. */
const QUEUE_MOST = 4_096;
const BATCH_MOST = 512;
const BATCH_EVERY_MS = 1_000;
const EXPORT_TIMEOUT_MS = 5_000;

const kinds = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER, client: SpanKind.CLIENT } as const;

export interface OtlpNeeds {
  /** The receiver's base URL; spans go to its /v1/traces. */
  readonly endpoint: string;
  /** The share of traces begun here that is recorded, from 0 to 1. */
  readonly sampleRatio: number;
  readonly serviceName: string;
  readonly version: string;
  /** This process among those of one name. */
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Registry;
}

export function otlpTracer({ endpoint, sampleRatio, serviceName, version, instance, clock, logger, metrics }: OtlpNeeds): Tracer {
  const exporter = new OTLPTraceExporter({
    url: new URL("v1/traces", endpoint.endsWith("/") ? endpoint : `${endpoint}/`).href,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new TracerProvider({
    sampler: new AlwaysOnSampler(),
    resource: resourceFromAttributes({ "service.name": serviceName, "service.version": version, "service.instance.id": instance }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: watched(exporter, { logger, metrics }),
        maxQueueSize: QUEUE_MOST,
        maxExportBatchSize: BATCH_MOST,
        scheduledDelayMillis: BATCH_EVERY_MS,
      }),
    ],
  });
  const tracer = provider.getTracer("carillon", version);

  const start = (parent: string | undefined, name: string, kind: Kind): Span => {
    const context =
      parent === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, {
            ...{ traceId: traceIdOf(parent), spanId: spanIdOf(parent) },
            ...{ traceFlags: TraceFlags.SAMPLED, isRemote: true },
          });
    const span = tracer.startSpan(name, { kind: kinds[kind] }, context);
    const { traceId, spanId } = span.spanContext();
    return {
      traceparent: `00-${traceId}-${spanId}-01`,
      set: (attributes) => void span.setAttributes(attributes),
      event: (event, attributes) => void span.addEvent(event, attributes),
      end(failure) {
        if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
        span.end();
      },
    };
  };
  const within: Tracer["within"] = (parent, name, kind) =>
    parent !== undefined && isSampled(parent) ? start(parent, name, kind) : undefined;

  return {
    within,
    enter(parent, name, kind) {
      if (parent !== undefined) return within(parent, name, kind);
      return Math.random() < sampleRatio ? start(undefined, name, kind) : undefined;
    },
    async close(timeoutMs) {
      const done = new AbortController();
      const flushed = provider.shutdown().catch(() => {});
      await Promise.race([flushed, clock.sleep(timeoutMs, done.signal)]);
      done.abort();
    },
  };
}

/** Counts what went out and what did not, and tells the log when an endpoint stops and starts to take spans, once each. */
function watched(exporter: SpanExporter, { logger, metrics }: Pick<OtlpNeeds, "logger" | "metrics">): SpanExporter {
  const spans = traceSpans.on(metrics);
  let failing = false;
  return {
    export(batch, answer) {
      exporter.export(batch, (result) => {
        const failed = result.error !== undefined || result.code !== 0;
        spans.inc({ outcome: failed ? "failed" : "exported" }, batch.length);
        if (failed && !failing) logger.warn({ err: result.error }, "spans are not taken by the OpenTelemetry endpoint; they are dropped");
        if (!failed && failing) logger.info("spans are taken by the OpenTelemetry endpoint again");
        failing = failed;
        answer(result);
      });
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}
