/**
 * What a stage hands over with a record, made fit to be appended: declared topics only, the record's trace carried on, nothing so large
 * that the log would refuse it for ever.
 */
import type { Topic } from "#domain/topics.ts";
import type { Output } from "#platform/log/log.ts";
import { TRACEPARENT } from "#platform/telemetry/traceparent.ts";

/** Brokers take 1,048,588 bytes for a record batch unless told otherwise; the rest is for key and headers. */
const OUTPUT_MOST_BYTES = 1_000_000;

/** Throws for a topic that the stage has not declared. */
export function carriedOn(trace: string | undefined, outputs: readonly Output[], writes: ReadonlySet<Topic>): readonly Output[] {
  for (const { topic } of outputs)
    if (!writes.has(topic)) throw new Error(`The stage writes to ${topic.name} without declaring it in \`writes\`.`);
  if (trace === undefined || outputs.length === 0) return outputs;
  return outputs.map((output) => {
    if (output.headers?.[TRACEPARENT] !== undefined) return output;
    return { ...output, headers: { ...output.headers, [TRACEPARENT]: trace } };
  });
}

/** Words for the dead letter when one of the outputs is too large. */
export function oversize(outputs: readonly Output[]): string | undefined {
  for (const { topic, value } of outputs)
    if (value.byteLength > OUTPUT_MOST_BYTES)
      return `an output for ${topic.name} has ${value.byteLength} bytes, at most ${OUTPUT_MOST_BYTES}`;
  return undefined;
}
