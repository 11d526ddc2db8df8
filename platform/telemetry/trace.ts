/**
 * Tracing, as a port: spans of what is done for a notification, from the call that asked for it to the provider.
 *
 * A trace begins at a door (an RPC or REST call, or a record that a stranger wrote with a `traceparent`), and its `traceparent` goes on in the
 * headers of records. What is not recorded has no span: whoever holds one writes `span?.set(…)`, and unsampled work pays for one comparison.
 * Names and attributes hold ids, topics, codes and counts; never a person's data.
 */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface Span {
  /** For what this span causes: its headers. */
  readonly traceparent: string;
  set(attributes: Attributes): void;
  event(name: string, attributes?: Attributes): void;
  /** `failure` is a code or a reason; without one all went well. */
  end(failure?: string): void;
}

/** server: answers a call. consumer: works on a record. client: asks somebody outside. */
export type SpanKind = "server" | "consumer" | "client";

export interface Tracer {
  /** Part of the trace of `parent`, a valid traceparent; undefined unless that trace is recorded. */
  within(parent: string | undefined, name: string, kind: SpanKind): Span | undefined;
  /** The same at a door: without a parent a trace begins here, for the share of calls that is sampled. */
  enter(parent: string | undefined, name: string, kind: SpanKind): Span | undefined;
  /** Sends what is left, for at most so long. Never rejects. */
  close(timeoutMs: number): Promise<void>;
}

/** While nothing is configured: no spans, and nothing loaded. */
export const noTracer: Tracer = {
  within: () => undefined,
  enter: () => undefined,
  close: () => Promise.resolve(),
};
