/**
 * The one list that every call passes, over HTTP and in memory, outermost first: trace, request log and metrics, masking of errors,
 * admission, deadline, validation.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { ConnectError, type Interceptor, type StreamRequest, type StreamResponse, type UnaryRequest } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import { noTracer, type Tracer } from "#platform/telemetry/trace.ts";
import { readTraceparent, TRACEPARENT } from "#platform/telemetry/traceparent.ts";
import { admit } from "./admission.ts";
import { type Authenticate, type Call, callKey, type Principal, principalOf, traceKey, traceOf } from "./call.ts";
import { isProbe } from "./health.ts";
import { maskedError } from "./mask.ts";
import type { Observer } from "./observe.ts";
import { readError } from "./problems.ts";
import { type Readmission, readmission } from "./readmission.ts";
import { withKeyIn } from "./repeat.ts";
import { validateMessage } from "./validation.ts";

export { type Authenticate, type Principal, principalOf, traceOf };

/** A caller who names no deadline gets this one. */
export const DEFAULT_DEADLINE_MS = 10_000;
/** A longer one is refused. */
export const MAX_DEADLINE_MS = 60_000;
/** A stream has no deadline unless its caller names one; who watches may want to for long. */
export const MAX_STREAM_DEADLINE_MS = 7 * 86_400_000;

export interface InterceptorNeeds {
  readonly authenticate: Authenticate;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly logger: Logger;
  /** Default: none. */
  readonly tracer?: Tracer;
}

export const interceptors = ({ authenticate, clock, observer, logger, tracer = noTracer }: InterceptorNeeds): Interceptor[] => [
  traced(tracer),
  observed(observer),
  masked(logger),
  admitted(authenticate, readmission({ authenticate, clock })),
  withinDeadline,
  validated,
];

/** The doors put a call into every request's context. */
const callOf = (request: UnaryRequest | StreamRequest): Call => request.contextValues.get(callKey) as Call;

export const procedureOf = (method: UnaryRequest["method"] | StreamRequest["method"]) => `/${method.parent.typeName}/${method.name}`;

/** A call in memory is part of what its caller does: it begins no trace. */
const traced =
  (tracer: Tracer): Interceptor =>
  (next) =>
  async (request) => {
    const { door } = callOf(request);
    const parent = readTraceparent(request.header.get(TRACEPARENT));
    const name = procedureOf(request.method).slice(1);
    const span = door === "http" ? tracer.enter(parent, name, "server") : tracer.within(parent, name, "server");
    if (span || parent) request.contextValues.set(traceKey, { traceparent: span?.traceparent ?? parent, span });
    if (!span) return next(request);
    span.set({ "rpc.system": "connect_rpc", "rpc.service": request.method.parent.typeName, "rpc.method": request.method.name, door });
    const end = (error?: unknown) => {
      const code = error === undefined ? "ok" : codeToString(ConnectError.from(error).code);
      span.set({ "rpc.connect_rpc.error_code": code });
      span.end(error === undefined ? undefined : code);
    };
    try {
      const response = await next(request);
      if (response.stream) return { ...response, message: streamed(response.message, { end }) };
      end();
      return response;
    } catch (error) {
      end(error);
      throw error;
    }
  };

const observed =
  (observer: Observer): Interceptor =>
  (next) =>
  async (request) => {
    const call = callOf(request);
    const started = performance.now();
    const end = (error?: unknown) => {
      call.observed = true;
      const code = error === undefined ? "ok" : codeToString(ConnectError.from(error).code);
      const { door, requestId } = call;
      const { method } = request;
      const ms = performance.now() - started;
      observer.rpc({ door, procedure: procedureOf(method), code, ms, requestId, probe: isProbe(method) });
    };
    try {
      const response = await next(request);
      if (response.stream) return { ...response, message: streamed(response.message, { end }) };
      end();
      return response;
    } catch (error) {
      end(error);
      throw error;
    }
  };

const masked =
  (logger: Logger): Interceptor =>
  (next) =>
  async (request) => {
    const mask = (error: unknown) => maskedError(withKeyIn(error, request.method), callOf(request).requestId, logger);
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: streamed(response.message, { mask }) } : response;
    } catch (error) {
      throw mask(error);
    }
  };

const admitted =
  (authenticate: Authenticate, readmit: Readmission): Interceptor =>
  (next) =>
  async (request) => {
    const { method, contextValues: values, header: headers } = request;
    const byCredential = await admit({ values, method, headers }, authenticate);
    const response = await next(request);
    if (!response.stream || !byCredential) return response;
    const { address } = callOf(request);
    return { ...response, message: whileAdmitted(response.message, (end) => readmit(headers, address, end)) };
  };

async function* whileAdmitted(
  messages: StreamResponse["message"],
  watch: (end: (refusal: Problem) => void) => () => void,
): StreamResponse["message"] {
  const over = new AbortController();
  const stop = watch((refusal) => over.abort(refusal));
  try {
    yield* streamed(messages, { signal: over.signal });
  } finally {
    stop();
  }
}

/** The caller is answered in time even when the handler does not heed its signal. */
const withinDeadline: Interceptor = (next) => async (request) => {
  const response = await unlessAborted(next(request), request.signal);
  return response.stream ? { ...response, message: streamed(response.message, { signal: request.signal }) } : response;
};

const validated: Interceptor = (next) => async (request) => {
  if (request.stream) return next({ ...request, message: checkedAll(request.method.input, request.message) });
  check(request.method.input, request.message);
  return next(request);
};

function check<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  const violations = validateMessage(schema, message);
  if (violations.length > 0) throw new Problem("INVALID_REQUEST", { violations });
}

async function* checkedAll<D extends DescMessage>(schema: D, messages: AsyncIterable<MessageShape<D>>): AsyncIterable<MessageShape<D>> {
  try {
    for await (const message of messages) {
      check(schema, message);
      yield message;
    }
  } catch (error) {
    throw error instanceof ConnectError ? readError(error) : error;
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** A stream goes on after the interceptors have returned, so each of them also looks at its messages' end. */
async function* streamed(
  messages: StreamResponse["message"],
  on: { end?: (error?: unknown) => void; mask?: (error: unknown) => unknown; signal?: AbortSignal },
): StreamResponse["message"] {
  const iterator = messages[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const step = await (on.signal ? unlessAborted(iterator.next(), on.signal) : iterator.next());
      if (step.done) break;
      yield step.value;
    }
    finished = true;
    on.end?.();
  } catch (error) {
    finished = true;
    on.end?.(error);
    throw on.mask ? on.mask(error) : error;
  } finally {
    // The reader went away in the middle. Not awaited: a handler that ignores its signal may never return.
    if (!finished) on.end?.();
    void iterator.return?.()?.then(undefined, () => {});
  }
}
