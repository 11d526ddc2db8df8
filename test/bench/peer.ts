/**
 * The peer of the unary rows: connect-node's own server, over HTTP/1.1 and, for gRPC, HTTP/2, with the same interceptors, doing the same
 * Send but into an array in memory. Prints its ports, ends on SIGTERM.
 */
import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import pino from "pino";
import { Registry } from "prom-client";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { callKey, type Principal } from "#platform/rpc/call.ts";
import { interceptors } from "#platform/rpc/interceptors.ts";
import { createObserver } from "#platform/rpc/observe.ts";
import { uuidv7 } from "#platform/uuid.ts";
import { accept } from "../../services/ingest/accept.ts";

const logger = pino({ level: "warn" });
const taken: unknown[] = [];
const development: Principal = { environment: "development", internal: false, scopes: [Scope.ADMIN] };

const handler = connectNodeAdapter({
  interceptors: interceptors({
    authenticate: () => development,
    observer: createObserver({ logger, metrics: new Registry() }),
    ...{ logger, clock: systemClock },
  }),
  contextValues: () =>
    createContextValues().set(callKey, { door: "http", address: "127.0.0.1", requestId: uuidv7(systemClock.nowMs()), observed: false }),
  routes: (router) =>
    router.service(IngestService, {
      send(request) {
        const { reservation } = accept(request, "development", systemClock.nowMs());
        taken.push(reservation);
        return { notificationId: reservation.notificationId, acceptedAt: timestampFromMs(reservation.acceptedAtMs) };
      },
    }),
});

const listening = (server: Server | Http2Server) =>
  new Promise<number>((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
process.stdout.write(`port ${await listening(createServer(handler))} grpc ${await listening(createHttp2Server(handler))}\n`);
process.on("SIGTERM", () => process.exit(0));
