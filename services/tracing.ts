/** The tracer that the settings ask for. OpenTelemetry's SDK is loaded only when there is an endpoint. */
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Clock } from "#platform/clock.ts";
import { noTracer, type Tracer } from "#platform/telemetry/trace.ts";
import type { ProcessSettings } from "./process.ts";
import { version } from "./version.ts";

export interface TracingNeeds {
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Registry;
}

export async function openTracer(settings: ProcessSettings, needs: TracingNeeds): Promise<Tracer> {
  const endpoint = settings["otel.endpoint"];
  if (endpoint === undefined) return noTracer;
  const { otlpTracer } = await import("#platform/telemetry/otlp.ts");
  const sampleRatio = settings["otel.sample-ratio"];
  return otlpTracer({ endpoint, sampleRatio, serviceName: settings["otel.service-name"], version, ...needs });
}
