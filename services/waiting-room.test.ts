import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { pino } from "pino";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import { systemClock as clock } from "#platform/clock.ts";
import { openWaitingRoom } from "./waiting-room.ts";

const open = (developmentHosts = true) =>
  openWaitingRoom({
    ...{ ports: [0], host: "127.0.0.1", developmentHosts, trustProxy: false, clock },
    ...{ logger: pino({ level: "silent" }), metrics: new Registry() },
  });

it("a process that waits for its engines says that it lives, what it waits for, and turns every call away", async () => {
  const room = await open();
  const baseUrl = `http://127.0.0.1:${room.ports.ports[0]}`;
  try {
    expect((await fetch(`${baseUrl}/healthz`)).status).toBe(200);
    room.waitingFor("kafka", "kafka: no broker answers");
    room.waitingFor("mysql", "MySQL does not answer");
    room.waitingFor("mysql", undefined);
    const ready = await fetch(`${baseUrl}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { ok: false, why: ["starting", "kafka: no broker answers"] }]);

    const facade = await fetch(`${baseUrl}/notify`, { method: "POST", body: "{}" });
    expect([facade.status, facade.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await facade.json()).toMatchObject({ error: { reason: "STARTING" } });
    const transport = createConnectTransport({ baseUrl, httpVersion: "1.1" });
    await expect(createClient(IngestService, transport).send({})).rejects.toThrow("[unavailable] The process is starting.");
    expect(await createClient(Health, transport).check({})).toMatchObject({ status: Status.NOT_SERVING });
  } finally {
    room.close();
  }
});

it("in production it says no more than that it is not ready: who asks is not known yet", async () => {
  const room = await open(false);
  try {
    room.waitingFor("mysql", "MySQL does not answer");
    const headers = { authorization: "Bearer anything" };
    const ready = await fetch(`http://127.0.0.1:${room.ports.ports[0]}/readyz`, { headers });
    expect([ready.status, await ready.json()]).toEqual([503, { ok: false }]);
  } finally {
    room.close();
  }
});
