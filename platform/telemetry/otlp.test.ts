import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { type OtlpReceiver, openReceiver } from "../../test/fakes/otlp.ts";
import { otlpTracer } from "./otlp.ts";
import type { Tracer } from "./trace.ts";

const SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

let receiver: OtlpReceiver;
let metrics: Registry;
let lines: string[];
beforeEach(async () => {
  receiver = await openReceiver();
  metrics = new Registry();
  lines = [];
});
afterEach(() => receiver.close());

const tracerTo = (endpoint: string, sampleRatio = 1): Tracer =>
  otlpTracer({
    ...{ endpoint, sampleRatio, serviceName: "shop", version: "1.2.3", instance: "i-1" },
    ...{ clock: systemClock, logger: pino({ level: "info" }, { write: (line: string) => void lines.push(line) }), metrics },
  });

describe("tracing by OTLP", () => {
  it("continues a recorded trace and says what was done", async () => {
    const tracer = tracerTo(receiver.url);
    const outer = tracer.within(SAMPLED, "outer", "consumer");
    const inner = tracer.within(outer?.traceparent, "inner", "client");
    inner?.set({ "carillon.attempt": 2, "carillon.channel": "email" });
    inner?.event("asked");
    inner?.end("450");
    outer?.end();
    await tracer.close(10_000);
    const [first, second] = receiver.spans;
    expect(second).toMatchObject({ name: "outer", parentSpanId: "00f067aa0ba902b7", kind: 5, status: 0, service: "shop" });
    expect(first).toMatchObject({ name: "inner", parentSpanId: second?.spanId, kind: 3, status: 2, events: ["asked"] });
    expect(first?.attributes).toEqual({ "carillon.attempt": 2, "carillon.channel": "email" });
    expect(receiver.spans.map(({ traceId }) => traceId)).toEqual(Array(2).fill("4bf92f3577b34da6a3ce929d0e0e4736"));
  });

  it("has no span for what is not recorded, whatever the share", async () => {
    const tracer = tracerTo(receiver.url, 1);
    expect([tracer.within(undefined, "a", "consumer"), tracer.within(UNSAMPLED, "b", "consumer")]).toEqual([undefined, undefined]);
    expect(tracer.enter(UNSAMPLED, "c", "server")).toBeUndefined();
    await tracer.close(10_000);
    expect(receiver.spans).toEqual([]);
  });

  it("begins a trace at a door for the share that is sampled", async () => {
    const begun = (ratio: number) => {
      const tracer = tracerTo(receiver.url, ratio);
      return Array.from({ length: 1_000 }, () => tracer.enter(undefined, "x", "server")).filter((span) => span !== undefined).length;
    };
    expect(begun(0)).toBe(0);
    expect(begun(1)).toBe(1_000);
    // Outside of these once in 10^9 runs.
    expect(begun(0.5)).toBeGreaterThan(400);
    expect(begun(0.5)).toBeLessThan(600);
  });

  it("keeps a path that the endpoint has", async () => {
    const tracer = tracerTo(`${receiver.url}/prefix/`);
    tracer.enter(undefined, "x", "server")?.end();
    await tracer.close(10_000);
    expect(receiver.paths).toEqual(["/prefix/v1/traces"]);
  });

  it("drops what nobody takes, counts it and says so once; more than its queue holds costs nothing", async () => {
    await receiver.close();
    const tracer = tracerTo(receiver.url);
    for (let index = 0; index < 20_000; index++) tracer.enter(undefined, "x", "server")?.end();
    await tracer.close(20_000);
    const [told] = (await metrics.getMetricsAsJSON()).flatMap(({ values }) => values);
    expect(told?.labels).toEqual({ outcome: "failed" });
    expect(told?.value).toBeLessThanOrEqual(4_096);
    expect(lines.filter((line) => line.includes("spans are not taken"))).toHaveLength(1);
  });
});
