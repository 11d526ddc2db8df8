/** The broadcast facade: POST /notify. */
import { z } from "zod";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Route } from "#platform/rpc/route.ts";
import { parseBody } from "#platform/shapes/body.ts";
import { broadcastFields, broadcastNames, broadcastRequests, type Destination, partKey } from "#platform/shapes/broadcast.ts";
import { idempotencyKey, json, send } from "./send.ts";

const Body = z.strictObject(broadcastFields);

export const notifyRoute = (given: Pick<Given, "client">, destinations: readonly Destination[]): Route => ({
  method: "POST",
  path: "/notify",
  scope: Scope.SEND,
  json: true,
  async handle(request) {
    const body = parseBody(Body, request.body);
    const ingest = given.client(IngestService, request.environment);
    const key = idempotencyKey(request);
    const notifications = await Promise.all(
      broadcastRequests(body, destinations).map(async (each, index) => {
        const asked = { ...each, idempotencyKey: partKey(key, index) };
        const { notificationId } = await send(ingest, request, asked, broadcastNames);
        return { id: notificationId, watch: `${request.baseUrl}/n/${notificationId}` };
      }),
    );
    return json(202, { status: "queued", notifications });
  },
});
