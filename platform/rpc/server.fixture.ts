/** A server to call, and how its tests call it: over every protocol, in raw bytes, with fetch. Stopped after each test. */

import { connect } from "node:net";
import { ConnectError, type ConnectRouter, createClient, type ServiceImpl } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport, compressionGzip as gzip } from "@connectrpc/connect-node";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, expect } from "vitest";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { metricsRoutes } from "#platform/telemetry/metrics.ts";
import { type RunningServer, type ServerOptions, serve } from "./server.ts";

const running: RunningServer[] = [];
afterEach(() => {
  for (const server of running.splice(0)) server.close();
});

type Ingest = Partial<ServiceImpl<typeof IngestService>>;

export async function started(ingest: Ingest = {}, more: Partial<ServerOptions> = {}) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const metrics = new Registry();
  const server = await serve({
    ports: [0],
    grpcPort: 0,
    host: "127.0.0.1",
    rpc: [(router: ConnectRouter) => router.service(IngestService, ingest)],
    routes: metricsRoutes(metrics, () => ({ ok: true, why: [] })),
    sockets: [],
    authenticate: () => ({ environment: "development", internal: false, scopes: [Scope.ADMIN] }),
    ready: () => ({ ok: true, why: [] }),
    developmentHosts: true,
    trustProxy: false,
    ...{ logger, metrics, clock: systemClock },
    ...more,
  });
  running.push(server);
  const port = server.ports[0] as number;
  const urls = { url: `http://127.0.0.1:${port}`, grpcUrl: `http://127.0.0.1:${server.grpcPort}` };
  return { server, lines, metrics, port, ...urls };
}

export const valid = { recipients: [{ userId: "ann" }], content: { title: "Hello" } };
export const send = "/carillon.ingest.v1.IngestService/Send";

/** Where a started server answers. */
export interface Doors {
  readonly url: string;
  readonly grpcUrl: string;
}

/** Of every protocol, against the door that speaks it. */
export const transports = {
  "Connect in JSON": ({ url: baseUrl }: Doors) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  "Connect in binary": ({ url: baseUrl }: Doors) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "gzipped Connect in binary": ({ url: baseUrl }: Doors) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", compressMinBytes: 0, sendCompression: gzip }),
  "gRPC-Web": ({ url: baseUrl }: Doors) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  gRPC: ({ grpcUrl: baseUrl }: Doors) => createGrpcTransport({ baseUrl }),
  "gzipped gRPC in JSON": ({ grpcUrl: baseUrl }: Doors) =>
    createGrpcTransport({ baseUrl, useBinaryFormat: false, compressMinBytes: 0, sendCompression: gzip }),
};

export type Protocol = keyof typeof transports;

export const clientOf = (protocol: Protocol, doors: Doors) => createClient(IngestService, transports[protocol](doors));

export const raw = (port: number, text: string) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });

export const post = (url: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });

export const failure = async (call: Promise<unknown>): Promise<ConnectError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
};
