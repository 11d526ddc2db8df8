/** The broadcast facade: POST /notify. */
import { z } from "zod";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Route } from "#platform/rpc/route.ts";
import type { Shedder } from "#platform/rpc/shed.ts";
import { parseBody } from "#platform/shapes/body.ts";
import { broadcastFields, broadcastNames, broadcastRequests, type Destination, partKey } from "#platform/shapes/broadcast.ts";
import { idempotencyKey, json, sendAll } from "./send.ts";

const Body = z.strictObject(broadcastFields);

interface Notified {
  readonly destinations: readonly Destination[];
  readonly shedder: Shedder;
}

export const notifyRoute = (given: Pick<Given, "client">, { destinations, shedder }: Notified): Route => ({
  method: "POST",
  path: "/notify",
  scope: Scope.SEND,
  json: true,
  shedder,
  async handle(request) {
    const body = parseBody(Body, request.body);
    const key = idempotencyKey(request);
    const asked = broadcastRequests(body, destinations).map((each, index) => ({ ...each, idempotencyKey: partKey(key, index) }));
    const answers = await sendAll(given.client(IngestService, request.environment), request, asked, broadcastNames);
    const notifications = answers.map(({ notificationId }) => ({ id: notificationId, watch: `${request.baseUrl}/n/${notificationId}` }));
    return json(202, { status: "queued", notifications });
  },
});
