/** What tracing says of itself. */
import { counter } from "./metric.ts";

export const traceSpans = counter({
  name: "carillon_trace_spans_total",
  help: "Spans that were sent to the OpenTelemetry endpoint, or dropped because it did not take them.",
  labels: { outcome: "exported, failed" },
});
