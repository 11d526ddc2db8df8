/** The event facade: POST /api/v1/notifications. What happened to a person; their preferences choose the channels. */
import { z } from "zod";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Route } from "#platform/rpc/route.ts";
import type { Shedder } from "#platform/rpc/shed.ts";
import { isWorded, parseBody, unworded } from "#platform/shapes/body.ts";
import { eventFields, eventNames, eventRequest } from "#platform/shapes/event.ts";
import { idempotencyKey, json, send } from "./send.ts";

const Body = z.strictObject(eventFields).refine(isWorded, unworded);

export const eventsRoute = (given: Pick<Given, "client">, shedder: Shedder): Route => ({
  method: "POST",
  path: "/api/v1/notifications",
  scope: Scope.SEND,
  json: true,
  shedder,
  async handle(request) {
    const asked = { ...eventRequest(parseBody(Body, request.body)), idempotencyKey: idempotencyKey(request) };
    const { notificationId } = await send(given.client(IngestService, request.environment), request, asked, eventNames);
    return json(202, { id: notificationId, status: "queued", watch: `${request.baseUrl}/n/${notificationId}` });
  },
});
