/**
 * Calls to modules that run in other processes: each service gets handlers here which pass the call on over HTTP, so that who calls a module
 * in memory, or by this process's own door, cannot tell where it runs.
 *
 * The caller's environment, deadline and trace travel along. What only reads is tried once more when nobody answered.
 */
import http from "node:http";
import https from "node:https";
import type { DescMessage, DescMethod, DescService, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Problem } from "#domain/errors.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { scopeOf } from "./admission.ts";
import { principalOf, traceOf } from "./call.ts";
import { DEFAULT_DEADLINE_MS } from "./interceptors.ts";
import { reasonOf } from "./problems.ts";

/** What a caller said beside the message that matters to the callee too. */
const PASSED_ON = ["idempotency-key", "x-request-id"] as const;
/** For calls with an answer; more of them at once wait for one of these. */
const MOST_CONNECTIONS = 64;
const IDLE_MS = 30_000;
const RETRY_AFTER_MS = 1_000;

export interface ForwardNeeds {
  /** Where the service's module answers. */
  readonly urlOf: (service: DescService) => string;
  /** The authorization header for calls in an environment. */
  readonly credentialOf: (environment: string) => Promise<string>;
}

export interface Forwarding {
  readonly rpc: (router: ConnectRouter) => void;
  close(): void;
}

export function forwarding(services: readonly DescService[], { urlOf, credentialOf }: ForwardNeeds): Forwarding {
  const calls = transportsWith({ keepAlive: true, maxSockets: MOST_CONNECTIONS, timeout: IDLE_MS });
  // A stream keeps its connection for as long as somebody watches; how many may, the module says that is asked.
  const streams = transportsWith({ keepAlive: true });

  async function headersFor(context: HandlerContext): Promise<Headers> {
    const headers = new Headers({ authorization: await credentialOf(principalOf(context).environment) });
    for (const name of PASSED_ON) {
      const value = context.requestHeader.get(name);
      if (value !== null) headers.set(name, value);
    }
    const { traceparent } = traceOf(context);
    if (traceparent !== undefined) headers.set("traceparent", traceparent);
    return headers;
  }

  const unary = (method: DescMethod) => async (input: MessageShape<DescMessage>, context: HandlerContext) => {
    const transport = calls.to(urlOf(method.parent));
    const headers = await headersFor(context);
    const call = async () => {
      const timeoutMs = context.timeoutMs() ?? DEFAULT_DEADLINE_MS;
      const answer = await transport.unary(method as never, context.signal, timeoutMs, headers, input);
      return answer.message;
    };
    try {
      return await call();
    } catch (error) {
      if (!isUnanswered(error) || context.signal.aborted) throw error;
      if (scopeOf(method) === Scope.READ) return await call().catch((again: unknown) => unavailable(again));
      return unavailable(error);
    }
  };

  const stream = (method: DescMethod) =>
    async function* (input: MessageShape<DescMessage>, context: HandlerContext) {
      const transport = streams.to(urlOf(method.parent));
      const headers = await headersFor(context);
      try {
        const answer = await transport.stream(method as never, context.signal, context.timeoutMs(), headers, only(input));
        yield* answer.message;
      } catch (error) {
        if (!isUnanswered(error) || context.signal.aborted) throw error;
        unavailable(error);
      }
    };

  return {
    rpc(router) {
      for (const service of services) {
        const handlers = service.methods.map((method) => [
          method.localName,
          method.methodKind === "unary" ? unary(method) : stream(method),
        ]);
        router.service(service, Object.fromEntries(handlers) as ServiceImpl<typeof service>);
      }
    },
    close() {
      calls.close();
      streams.close();
    },
  };
}

function transportsWith(options: http.AgentOptions) {
  const agents = { http: new http.Agent(options), https: new https.Agent(options) };
  const transports = new Map<string, Transport>();
  return {
    to(url: string): Transport {
      const agent = url.startsWith("https:") ? agents.https : agents.http;
      const known =
        transports.get(url) ?? createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: true, nodeOptions: { agent } });
      transports.set(url, known);
      return known;
    },
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

async function* only<T>(value: T) {
  yield value;
}

/** Nobody answered, in difference to somebody who said no in words of ours. */
const isUnanswered = (error: unknown): boolean => {
  const { code } = ConnectError.from(error);
  return (code === Code.Unavailable || code === Code.Aborted || code === Code.Unknown) && reasonOf(ConnectError.from(error)) === undefined;
};

function unavailable(error: unknown): never {
  if (!isUnanswered(error)) throw error;
  throw new Problem("MODULE_UNAVAILABLE", { retryAfterMs: RETRY_AFTER_MS, cause: error });
}
