/**
 * The server: RPC, routes and WebSockets of all modules on uWebSockets, the same on every port.
 *
 * Connect calls and REST routes are told apart by path. Every answer is JSON (or the protocol's own), also "not found" and "go away".
 */

import uWS from "uWebSockets.js";
import { type ConnectRouter, createContextValues } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import { ConfigProblem } from "#platform/config/config.ts";
import type { Readiness } from "#platform/telemetry/health.ts";
import { noTracer, type Tracer } from "#platform/telemetry/trace.ts";
import { admit } from "./admission.ts";
import { MOST_MESSAGE_BYTES, readBody, unpacked } from "./body.ts";
import { type Authenticate, type Call, callKey, principalOf, requestIdOf } from "./call.ts";
import { refusal } from "./development.ts";
import { Exchange, type Head, readHead } from "./exchange.ts";
import { type GrpcDoor, isGrpc, openGrpc, type TlsFiles } from "./grpc.ts";
import { healthService, isProbe } from "./health.ts";
import { interceptors, procedureOf } from "./interceptors.ts";
import { internal, maskedError } from "./mask.ts";
import { createObserver } from "./observe.ts";
import { borrowedSession, strangePage } from "./origin.ts";
import { connectErrorOf, connectReplyOf, httpReplyOf } from "./problems.ts";
import { collectProcedures, inputsOf, missingProcedure, type Procedure } from "./procedures.ts";
import { reflectionService } from "./reflection.ts";
import type { Route, Socket } from "./route.ts";
import { answerRoute, routeTable } from "./routes.ts";
import { loadKey, type Shedder } from "./shed.ts";
import { installSocket } from "./sockets.ts";
import { answerUnary, encodingOf } from "./unary.ts";
import { answerUniversal } from "./universal.ts";
import { warmUp } from "./validation.ts";

const DRAINING_RETRY_MS = 1_000;
/** Two processes must not share a port without knowing (uWebSockets' default); its enum does not exist at run time. */
const LISTEN_EXCLUSIVELY: uWS.ListenOptions = 1;

export interface ServerOptions {
  /** 0 picks a free one. */
  readonly ports: readonly number[];
  /** Where gRPC is answered; nowhere when left out. */
  readonly grpcPort?: number;
  readonly host: string;
  readonly rpc: readonly ((router: ConnectRouter) => void)[];
  readonly routes: readonly Route[];
  readonly sockets: readonly Socket[];
  /** Default: none. */
  readonly shedders?: readonly Shedder[];
  readonly authenticate: Authenticate;
  /** What grpc.health.v1.Health answers. */
  readonly ready: () => Readiness;
  /** Answer only to the developer's own machine, as development.ts says. */
  readonly developmentHosts: boolean;
  /** In development: ports of other processes of ours, whose pages may open this one's WebSockets too. */
  readonly pagePorts?: readonly number[];
  /** Why calls are turned away, probes apart; default: they are not. */
  readonly closed?: () => Problem;
  /** PEM files of the certificate, with its chain, and of its key: then every port speaks TLS only. */
  readonly tls?: TlsFiles;
  /** Believe X-Forwarded-For and X-Forwarded-Proto, as peer.ts says. */
  readonly trustProxy: boolean;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  /** Default: none. */
  readonly tracer?: Tracer;
}

export interface RunningServer {
  /** In the order they were asked for. */
  readonly ports: readonly number[];
  /** 0 when it was not asked for. */
  readonly grpcPort: number;
  /** Turns new requests away and lets the running ones finish, for at most `timeoutMs`; probes are still answered. */
  drain(timeoutMs: number): Promise<void>;
  /** Cuts every connection. */
  close(): void;
}

/** Rejects with ConfigProblem when a port is taken. */
export async function serve(options: ServerOptions): Promise<RunningServer> {
  const { authenticate, logger, clock, tls, tracer = noTracer } = options;
  const front = { tls: tls !== undefined, trustProxy: options.trustProxy };
  const observer = createObserver(options);
  const list = interceptors({ authenticate, clock, observer, logger, tracer });
  const services = () => new Set([...procedures.values()].map(({ spec }) => spec.method.parent));
  const names = () => new Set([...services()].map(({ typeName }) => typeName));
  const own = [reflectionService(services), healthService({ ready: options.ready, services: names, clock })];
  const procedures: ReadonlyMap<string, Procedure> = collectProcedures([...options.rpc, ...own], {
    interceptors: list,
    acceptCompression: [compressionGzip],
    jsonOptions: { ignoreUnknownFields: false },
    readMaxBytes: MOST_MESSAGE_BYTES,
  });
  warmUp(inputsOf(procedures));
  const shedders = new Map((options.shedders ?? []).flatMap((each) => each.methods.map((method) => [procedureOf(method), each] as const)));
  const find = routeTable(options.routes);
  const running = new Set<Exchange>();
  const streams = new Set<Exchange>();
  const ports: number[] = [];
  let draining = false;
  let emptied = () => {};

  const foreign = (head: Head): Problem | undefined => (options.developmentHosts ? refusal(head, ports) : borrowedSession(head));
  const stranger = (head: Head, { origins }: Socket): Problem | undefined =>
    strangePage(head, { origins, ports: options.developmentHosts ? [...ports, ...(options.pagePorts ?? [])] : [] });
  const turnedAway = (procedure?: Procedure): Problem | undefined => {
    if (procedure && isProbe(procedure.spec.method) && procedure.spec.kind === "unary") return undefined;
    return draining ? gone() : options.closed?.();
  };

  const finished = (exchange: Exchange): void => {
    running.delete(exchange);
    streams.delete(exchange);
    if (running.size === 0) emptied();
  };

  function handle(response: uWS.HttpResponse, request: uWS.HttpRequest): void {
    const head = readHead(request, response, front);
    const exchange = new Exchange(response, head, requestIdOf(head, clock), finished);
    running.add(exchange);
    const problem = foreign(head);
    const procedure = procedures.get(head.path);
    const found = procedure ? undefined : find(head.method, head.path);
    const probe = found !== undefined && "route" in found && found.route.probe === true;
    const away = probe ? undefined : turnedAway(procedure);
    exchange.closing = draining;
    const missing = procedure || found ? undefined : missingProcedure(procedures, head.path);
    const isCall = procedure !== undefined || missing !== undefined;
    if (problem) refuse(exchange, problem, isCall);
    else if (away) refuse(exchange, away, isCall);
    else if (procedure) void call(exchange, procedure);
    else if (!found) refuse(exchange, missing ?? new Problem("NOT_FOUND", { message: "There is nothing at this path." }), isCall);
    else if ("allowed" in found) refuse(exchange, new Problem("METHOD_NOT_ALLOWED"), false, { allow: found.allowed.join(", ") });
    else
      void answerRoute(exchange, found, { authenticate, logger, tracer })
        .catch((error) => broken(exchange, error))
        .finally(() => observed(exchange, found.route.path, probe));
  }

  /** A call is told in Connect's envelope. Logged without the words of the path that nothing has: it may be anything. */
  function refuse(exchange: Exchange, problem: Problem, isCall: boolean, more: Record<string, string> = {}): void {
    const { status, headers, body } = isCall ? connectReplyOf(problem) : httpReplyOf(problem);
    exchange.reply(status, Object.entries({ ...headers, ...more }), body);
    observed(exchange, procedures.has(exchange.head.path) ? exchange.head.path : "(refused)", false);
  }

  async function call(exchange: Exchange, procedure: Procedure): Promise<void> {
    const { head, requestId } = exchange;
    const call: Call = { requestId, door: "http", address: head.address, observed: false };
    const load = shedders.get(procedure.path)?.enter({ headers: head.headers, requestId });
    const contextValues = createContextValues().set(callKey, call).set(loadKey, load);
    const { spec, handler } = procedure;
    const contentType = head.headers.get("content-type");
    const encoding = spec.kind === "unary" && head.method === "POST" ? encodingOf(contentType) : undefined;
    try {
      // Its status is in trailers, which do not get through here.
      if (isGrpc(contentType)) return refuse(exchange, ...refusedBy(415, handler.allowedMethods));
      if (spec.kind === "unary" && encoding) {
        const packing = head.headers.get("content-encoding");
        const reading = readBody(exchange, MOST_MESSAGE_BYTES, load);
        // Not looked at for whoever may not call.
        reading.catch(() => {});
        const admitted = admit({ values: contextValues, method: spec.method, headers: head.headers }, authenticate);
        const body = admitted.then(async () => {
          load?.of(principalOf({ values: contextValues }).environment);
          const bytes = await reading;
          return packing ? await unpacked(bytes, packing, MOST_MESSAGE_BYTES, load) : bytes;
        });
        const answer = await answerUnary(
          { spec, encoding, head, body, signal: exchange.signal, values: contextValues },
          { interceptors: list, logger, observer },
        );
        return exchange.reply(answer.status, answer.headers, answer.body);
      }
      if (spec.kind !== "unary") streams.add(exchange);
      const answered = await answerUniversal(exchange, handler, { contextValues, limitBytes: MOST_MESSAGE_BYTES, load });
      if (answered) return refuse(exchange, ...refusedBy(answered.refused, handler.allowedMethods));
      if (!call.observed) observed(exchange, procedure.path, false);
    } catch (error) {
      broken(exchange, error);
      if (!call.observed) observed(exchange, procedure.path, false);
    } finally {
      load?.leave();
    }
  }

  /** Nobody below has answered: either nothing went out yet, or the answer broke off in the middle. */
  function broken(exchange: Exchange, error: unknown): void {
    if (!exchange.open) return;
    maskedError(error, exchange.requestId, logger);
    if (exchange.status !== 0) {
      exchange.destroy();
      return;
    }
    const { status, headers, body } = httpReplyOf(internal(exchange.requestId));
    exchange.reply(status, Object.entries(headers ?? {}), body);
  }

  function observed({ head, status, startedMs, requestId }: Exchange, route: string, probe: boolean): void {
    observer.http({ method: head.method, route, status, ms: performance.now() - startedMs, requestId, probe });
  }

  const app = tls ? uWS.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile }) : uWS.App();
  for (const socket of options.sockets)
    installSocket(app, socket, { refusal: (head) => foreign(head) ?? stranger(head, socket) ?? turnedAway(), front, logger });
  app.any("/*", handle);
  let grpc: GrpcDoor | undefined;
  try {
    for (const port of options.ports) ports.push(await listen(app, options.host, port));
    if (options.grpcPort !== undefined)
      grpc = await openGrpc(
        { host: options.host, port: options.grpcPort, ...(tls && { tls }) },
        {
          ...{ procedures, shedders, front, interceptors: list, observer, logger, clock },
          refused: (head, procedure) => foreign(head) ?? turnedAway(procedure),
        },
      );
  } catch (error) {
    app.close();
    throw error;
  }

  return {
    ports,
    grpcPort: grpc?.port ?? 0,
    async drain(timeoutMs) {
      draining = true;
      for (const exchange of running) exchange.closing = true;
      // A stream may never end by itself; its caller is told to come again.
      for (const exchange of streams) exchange.cancel(connectErrorOf(gone()));
      const done = new AbortController();
      const quiet = new Promise<void>((resolve) => {
        emptied = resolve;
        if (running.size === 0) resolve();
      });
      await Promise.race([Promise.all([quiet, grpc?.drain(connectErrorOf(gone()))]), clock.sleep(timeoutMs, done.signal)]);
      done.abort();
    },
    close() {
      app.close();
      grpc?.close();
    },
  };
}

const gone = () => new Problem("DRAINING", { retryAfterMs: DRAINING_RETRY_MS });

/** Connect's bare statuses, in our words. */
const refusedBy = (status: number, allowed: readonly string[]): [Problem, true, Record<string, string>] =>
  status === 405
    ? [new Problem("METHOD_NOT_ALLOWED"), true, { allow: allowed.join(", ") }]
    : [new Problem("UNSUPPORTED_MEDIA_TYPE", { message: "Calls take application/json, application/proto or gRPC-Web's types." }), true, {}];

function listen(app: uWS.TemplatedApp, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const listening = (socket: uWS.us_listen_socket | false) => {
      if (socket) return resolve(uWS.us_socket_local_port(socket as uWS.us_socket));
      reject(
        new ConfigProblem([
          `Port ${port} of ${host} is taken: stop what uses it, or set CARILLON_HTTP_PORT and CARILLON_LEGACY_HTTP_PORT to free ones (0 picks one).`,
        ]),
      );
    };
    // It takes host and options together, though its types do not say so.
    const precise = app as unknown as { listen(host: string, port: number, options: uWS.ListenOptions, done: typeof listening): void };
    precise.listen(host, port, LISTEN_EXCLUSIVELY, listening);
  });
}
