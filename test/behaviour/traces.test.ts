/** Traces, as a collector receives them: from the call that asked for a notification to the provider, and what must not become one. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Channel, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type OtlpReceiver, openReceiver, type ReceivedSpan } from "../fakes/otlp.ts";
import { clientsOf, post } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

let receiver: OtlpReceiver;
let sink: Sink;
let world: World;
beforeAll(async () => {
  receiver = await openReceiver();
  sink = await openSink();
  world = await startWorld({
    env: {
      CARILLON_OTEL_ENDPOINT: receiver.url,
      CARILLON_OTEL_SAMPLE_RATIO: "0",
      CARILLON_EMAIL_SMTP_HOST: "127.0.0.1",
      CARILLON_EMAIL_SMTP_PORT: String(sink.port),
    },
  });
});
afterAll(async () => {
  await world.stop();
  await sink.close();
  await receiver.close();
});

const CALLER = "00f067aa0ba902b7";
let traces = 0;
/** A caller's own, of a trace of its own. */
const traceparent = (flags = "01") => {
  const traceId = `4bf92f3577b34da6a3ce929d0e0e${(++traces).toString(16).padStart(4, "0")}`;
  return { traceId, header: `00-${traceId}-${CALLER}-${flags}` };
};
const spansOf = (traceId: string) => receiver.spans.filter((span) => span.traceId === traceId);
const namesOf = (traceId: string) =>
  spansOf(traceId)
    .map(({ name }) => name)
    .sort();
const settled = (notificationId: string, status: NotificationStatus) =>
  expect
    .poll(async () => (await clientsOf(world.url).tracker.getNotification({ notificationId })).notification?.status, { timeout: 30_000 })
    .toBe(status);

describe("one Send over Connect", () => {
  const { traceId, header } = traceparent();
  let notificationId = "";
  const named = (name: string): ReceivedSpan => {
    const found = spansOf(traceId).filter((span) => span.name === name);
    expect(found, name).toHaveLength(1);
    return found[0] as ReceivedSpan;
  };
  beforeAll(async () => {
    const sent = await clientsOf(world.url).ingest.send(
      {
        recipients: [{ userId: "ann" }],
        channels: [Channel.EMAIL, Channel.WEB],
        content: { title: "Confidential subject", body: "Confidential body" },
      },
      { headers: { traceparent: header } },
    );
    notificationId = sent.notificationId;
    await vi.waitFor(() => expect(namesOf(traceId).filter((name) => name === "process tracker")).toHaveLength(4), 30_000);
  });

  it("is one trace, with a span for every hop", () => {
    expect(namesOf(traceId)).toEqual([
      "carillon.ingest.v1.IngestService/Send",
      "process dispatcher",
      "process email-workers",
      "process inbox",
      "process router",
      ...Array.from({ length: 4 }, () => "process tracker"),
      "send smtp",
    ]);
    expect(new Set(spansOf(traceId).map(({ service }) => service))).toEqual(new Set(["carillon"]));
  });

  it("hangs together: each is a child of what caused it", () => {
    const ingest = named("carillon.ingest.v1.IngestService/Send");
    const router = named("process router");
    const dispatcher = named("process dispatcher");
    const email = named("process email-workers");
    const inbox = named("process inbox");
    expect(ingest.parentSpanId).toBe(CALLER);
    expect(router.parentSpanId).toBe(ingest.spanId);
    expect(dispatcher.parentSpanId).toBe(router.spanId);
    expect([email.parentSpanId, inbox.parentSpanId]).toEqual([dispatcher.spanId, dispatcher.spanId]);
    expect(named("send smtp").parentSpanId).toBe(email.spanId);
    const toldBy = spansOf(traceId).flatMap(({ name, parentSpanId }) => (name === "process tracker" ? [parentSpanId] : []));
    const asked = [router, dispatcher, email, inbox].map(({ spanId }) => spanId);
    expect(toldBy.sort()).toEqual(asked.sort());
    expect([ingest, router, email, named("send smtp")].map(({ kind }) => kind)).toEqual([2, 5, 5, 3]);
    for (const { startNs, endNs } of spansOf(traceId)) expect(endNs >= startNs).toBe(true);
  });

  it("says what each did, by ids and codes", () => {
    expect(named("carillon.ingest.v1.IngestService/Send")).toMatchObject({
      attributes: { "carillon.notification.id": notificationId, "rpc.method": "Send", "rpc.connect_rpc.error_code": "ok" },
      events: ["in the log"],
    });
    expect(named("process email-workers")).toMatchObject({
      attributes: { "carillon.stage": "email-workers", "messaging.destination.name": "email-notifications" },
      events: ["ledger answered", "done"],
    });
    expect(named("process dispatcher").events).toEqual(["decided", "done"]);
    expect(named("send smtp")).toMatchObject({
      attributes: {
        ...{ "carillon.notification.id": notificationId, "carillon.channel": "email", "carillon.provider": "smtp" },
        ...{ "carillon.attempt": 1, "carillon.outcome": "accepted" },
      },
      status: 0,
    });
  });

  it("says nothing of a person", () => {
    const sent = Buffer.concat(receiver.bodies).toString("latin1");
    for (const word of ["Confidential", "ann@", "example.test", "user_id", "development/ann"]) expect(sent).not.toContain(word);
  });
});

it("a trace begun by a REST call goes the same way", async () => {
  const { traceId, header } = traceparent();
  await post(`${world.url}/api/v1/notifications`, { user_id: "ann", event_type: "order.paid", content: "x" }, { traceparent: header });
  await expect.poll(() => namesOf(traceId)).toContain("send smtp");
  const route = spansOf(traceId).find(({ name }) => name === "POST /api/v1/notifications");
  const call = spansOf(traceId).find(({ name }) => name === "carillon.ingest.v1.IngestService/Send");
  expect([route?.parentSpanId, call?.parentSpanId]).toEqual([CALLER, route?.spanId]);
  expect(route?.attributes).toMatchObject({ "http.route": "/api/v1/notifications", "http.response.status_code": 202 });
});

it("a retry keeps the trace: refused, waited for, sent", { timeout: 60_000 }, async () => {
  const { traceId, header } = traceparent();
  let refusals = 0;
  sink.refuse = (address) => (address.startsWith("later") && refusals++ === 0 ? { code: 450, text: "later" } : undefined);
  const { notificationId } = await clientsOf(world.url).ingest.send(
    { recipients: [{ email: "later@example.test" }], content: { title: "Again" } },
    { headers: { traceparent: header } },
  );
  await settled(notificationId, NotificationStatus.SENT);
  await expect.poll(() => namesOf(traceId).filter((name) => name === "process email-workers").length).toBe(2);
  const sends = spansOf(traceId).filter(({ name }) => name === "send smtp");
  expect(sends.map(({ attributes, status }) => [attributes["carillon.attempt"], attributes["carillon.outcome"], status])).toEqual([
    [1, "retry", 2],
    [2, "accepted", 0],
  ]);
  expect(namesOf(traceId)).toEqual(expect.arrayContaining(["process scheduler", "process scheduler-retry.5s"]));
});

it("a deferral keeps the trace: an outage, waited for without using up an attempt", { timeout: 60_000 }, async () => {
  const { traceId, header } = traceparent();
  let outages = 0;
  sink.refuse = (address) => (address.startsWith("busy") && outages++ === 0 ? { code: 452, text: "quota" } : undefined);
  const { notificationId } = await clientsOf(world.url).ingest.send(
    { recipients: [{ email: "busy@example.test" }], content: { title: "Once more" } },
    { headers: { traceparent: header } },
  );
  await settled(notificationId, NotificationStatus.SENT);
  await expect.poll(() => namesOf(traceId).filter((name) => name === "send smtp").length).toBe(2);
  const sends = spansOf(traceId).filter(({ name }) => name === "send smtp");
  const told = sends.map(({ attributes }) => ["carillon.attempt", "carillon.wait", "carillon.outcome"].map((name) => attributes[name]));
  expect(told).toEqual([
    [1, 0, "outage"],
    [1, 1, "accepted"],
  ]);
  expect(namesOf(traceId)).toContain("process scheduler");
});

it.each([
  ["unsampled", traceparent("00").header],
  ["invalid", "00-4bf92f3577b34da6a3ce929d0e0effff-0000000000000000-01"],
  ["absent, with nothing sampled", undefined],
])("a traceparent that is %s makes no span", async (_what, header) => {
  const before = receiver.spans.length;
  const { notificationId } = await clientsOf(world.url).ingest.send(
    { recipients: [{ userId: "ann" }], channels: [Channel.WEB], content: { title: "Quiet" } },
    header === undefined ? {} : { headers: { traceparent: header } },
  );
  await settled(notificationId, NotificationStatus.SENT);
  // What is exported later comes after anything that this one could have left: the queue keeps its order.
  const marker = traceparent();
  const { ingest } = clientsOf(world.url);
  await ingest.send({ recipients: [{ userId: "ann" }], content: { title: "Loud" } }, { headers: { traceparent: marker.header } });
  await expect.poll(() => spansOf(marker.traceId).length).toBeGreaterThan(0);
  expect(receiver.spans.slice(before).filter(({ traceId }) => traceId !== marker.traceId)).toEqual([]);
});

describe("whatever the endpoint does", () => {
  const env = (url: string) => ({ CARILLON_OTEL_ENDPOINT: url, CARILLON_OTEL_SAMPLE_RATIO: "1", CARILLON_OTEL_SERVICE_NAME: "shop" });

  it("a notification arrives while nobody takes spans, and the drain ends", async () => {
    const gone = await openReceiver();
    await gone.close();
    const other = await startWorld({ env: env(gone.url) });
    const { ingest, tracker } = clientsOf(other.url);
    const { notificationId } = await ingest.send({ recipients: [{ userId: "ann" }], content: { title: "Unseen" } });
    await expect.poll(async () => (await tracker.getNotification({ notificationId })).notification?.status).toBe(NotificationStatus.SENT);
    await expect
      .poll(async () => (await fetch(`${other.url}/metrics`)).text(), { timeout: 30_000 })
      .toMatch(/carillon_trace_spans_total\{outcome="failed"\} \d/);
    expect(other.output()).toContain("spans are not taken");
    expect(await other.end("SIGTERM")).toBe(0);
    await other.stop();
  });

  it("what is recorded is sent before the process ends", async () => {
    const all = await openReceiver();
    const other = await startWorld({ env: env(all.url) });
    const { ingest } = clientsOf(other.url);
    await ingest.send({ recipients: [{ userId: "ann" }], content: { title: "Last words" } });
    expect(await other.end("SIGTERM")).toBe(0);
    const begun = all.spans.find(({ name }) => name === "carillon.ingest.v1.IngestService/Send");
    expect(begun).toMatchObject({ parentSpanId: "", service: "shop" });
    await other.stop();
    await all.close();
  });
});
