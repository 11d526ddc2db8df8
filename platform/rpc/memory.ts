/**
 * Calls from module to module inside the process: the same interceptors as over HTTP, and no bytes in between.
 *
 * Messages are shared, so neither side may change one after handing it over. Procedures are looked up at the first call, because a module
 * is built before all of them are known.
 */
import { create, type DescMessage, type DescService } from "@bufbuild/protobuf";
import {
  type Client,
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextValues,
  createClient,
  createContextValues,
  createHandlerContext,
  type MethodImplSpec,
  type Transport,
} from "@connectrpc/connect";
import { invokeUnaryImplementation, transformInvokeImplementation } from "@connectrpc/connect/protocol";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import { noTracer, type Tracer } from "#platform/telemetry/trace.ts";
import { uuidv7 } from "#platform/uuid.ts";
import { ANSWERED, callKey, principalKey } from "./call.ts";
import { DEFAULT_DEADLINE_MS, interceptors, procedureOf } from "./interceptors.ts";
import { createObserver } from "./observe.ts";
import { collectProcedures, type Procedure } from "./procedures.ts";
import { loadKey } from "./shed.ts";

export interface ClientNeeds {
  /** What the modules registered, as far as they are built. */
  readonly rpc: () => readonly ((router: ConnectRouter) => void)[];
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  /** Default: none. */
  readonly tracer?: Tracer;
}

export type Clients = <S extends DescService>(service: S, environment: string) => Client<S>;

export function createClients({ rpc, logger, metrics, clock, tracer = noTracer }: ClientNeeds): Clients {
  const passed = interceptors({
    authenticate: () => {
      throw new Problem("UNAUTHENTICATED");
    },
    observer: createObserver({ logger, metrics }),
    ...{ clock, logger, tracer },
  });
  let procedures: ReadonlyMap<string, Procedure> = new Map();
  const specOf = (path: string): MethodImplSpec => {
    if (!procedures.has(path)) procedures = collectProcedures(rpc());
    const found = procedures.get(path);
    if (!found) throw new ConnectError(`${path} is not served by this process`, Code.Unimplemented);
    return found.spec;
  };

  const transport = (environment: string): Transport => {
    const open = (
      spec: MethodImplSpec,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: ConstructorParameters<typeof Headers>[0],
      values: ContextValues | undefined,
    ) => {
      const path = procedureOf(spec.method);
      return createHandlerContext({
        service: spec.method.parent,
        method: spec.method,
        protocolName: "memory",
        requestMethod: "POST",
        url: `memory:${path}`,
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(signal && { requestSignal: signal }),
        ...(header && { requestHeader: header }),
        contextValues: createContextValues()
          .set(principalKey, { environment, internal: true, scopes: [] })
          .set(callKey, { requestId: uuidv7(clock.nowMs()), door: "memory", address: "", observed: false })
          .set(loadKey, values?.get(loadKey)),
      });
    };
    return {
      async unary(method, signal, timeoutMs, header, input, values) {
        const spec = specOf(procedureOf(method)) as MethodImplSpec & { kind: "unary" };
        const context = open(spec, signal, timeoutMs ?? DEFAULT_DEADLINE_MS, header, values);
        try {
          const message = await invokeUnaryImplementation(spec, context, create(method.input, input), passed);
          const { responseHeader, responseTrailer } = context;
          return {
            stream: false,
            service: method.parent,
            method,
            message: message as never,
            header: responseHeader,
            trailer: responseTrailer,
          };
        } finally {
          context.abort(ANSWERED);
        }
      },
      async stream(method, signal, timeoutMs, header, input, values) {
        const spec = specOf(procedureOf(method));
        const context = open(spec, signal, timeoutMs, header, values);
        const output = transformInvokeImplementation(spec, context, passed)(created(method.input, input));
        const { responseHeader, responseTrailer } = context;
        return {
          stream: true,
          service: method.parent,
          method,
          message: closing(output as AsyncIterable<never>, () => context.abort(ANSWERED)),
          header: responseHeader,
          trailer: responseTrailer,
        };
      },
    };
  };

  const transports = new Map<string, Transport>();
  return (service, environment) => {
    const known = transports.get(environment) ?? transport(environment);
    transports.set(environment, known);
    return createClient(service, known);
  };
}

async function* created<D extends DescMessage>(schema: D, inputs: AsyncIterable<Parameters<typeof create<D>>[1]>) {
  for await (const input of inputs) yield create(schema, input);
}

async function* closing<T>(messages: AsyncIterable<T>, close: () => void): AsyncIterable<T> {
  try {
    yield* messages;
  } finally {
    close();
  }
}
