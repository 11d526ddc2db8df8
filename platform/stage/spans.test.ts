/** The runner's spans, on a real tracer and a real receiver. */
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Topic } from "#domain/topics.ts";
import { DeadLetterSchema, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { otlpTracer } from "#platform/telemetry/otlp.ts";
import type { Tracer } from "#platform/telemetry/trace.ts";
import { type OtlpReceiver, openReceiver } from "../../test/fakes/otlp.ts";
import { bytes, type Trial, text, trial } from "../../test/fakes/stage.ts";
import { runStage } from "./runner.ts";
import type { Stage } from "./stage.ts";

const into: Topic = { name: "in", schema: ScheduledSchema, partitions: 1 };
const out: Topic = { name: "out", schema: ScheduledSchema, partitions: 1 };
const dead: Topic = { name: "dead", schema: DeadLetterSchema, partitions: 1 };
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SAMPLED = `00-${TRACE}-00f067aa0ba902b7-01`;
const UNSAMPLED = `00-${TRACE}-00f067aa0ba902b7-00`;

interface Value {
  readonly word: string;
  readonly notificationId: string;
}

let at: Trial;
let receiver: OtlpReceiver;
let tracer: Tracer;
beforeEach(async () => {
  at = trial([into, out, dead]);
  receiver = await openReceiver();
  tracer = otlpTracer({
    ...{ endpoint: receiver.url, sampleRatio: 1, serviceName: "carillon", version: "1", instance: "i", clock: systemClock },
    ...{ logger: pino({ level: "silent" }), metrics: new Registry() },
  });
});
afterEach(async () => {
  await at.end();
  await receiver.close();
});

const stageOf = (more: Partial<Stage<Value>> = {}): Stage<Value> => ({
  name: "copy",
  reads: [into],
  writes: [out],
  deadLetters: dead,
  decode({ value }) {
    if (text(value) === "poison") throw new Error("no");
    return { word: text(value), notificationId: `id of ${text(value)}` };
  },
  async handle(batch) {
    for (const each of batch.records) batch.done(each, { topic: out, key: each.record.key, value: each.record.value });
  },
  ...more,
});
const run = (stage: Stage<Value>) => runStage({ stage, log: at.log, clock: at.clock, logger: at.logger, metrics: at.metrics, tracer });
const put = (word: string, traceparent?: string) =>
  at.log.append([{ topic: into, key: word, value: bytes(word), ...(traceparent !== undefined && { headers: { traceparent } }) }]);

describe("the span of a record", () => {
  it("is a child of whoever wrote it, ends when the outcome is durable, and is the parent of what comes of it", async () => {
    await put("x", SAMPLED);
    const stage = await run(stageOf());
    await vi.waitFor(async () => expect(await at.records(out)).toHaveLength(1));
    await stage.drain(1_000);
    await tracer.close(10_000);
    expect(receiver.spans).toHaveLength(1);
    const [span] = receiver.spans;
    expect(span).toMatchObject({
      traceId: TRACE,
      parentSpanId: "00f067aa0ba902b7",
      name: "process copy",
      kind: 5,
      events: ["done"],
      status: 0,
    });
    expect(span?.attributes).toMatchObject({
      "messaging.destination.name": "in",
      "carillon.notification.id": "id of x",
      "carillon.waited_ms": 0,
    });
    expect((await at.records(out))[0]?.headers).toEqual({ traceparent: `00-${TRACE}-${span?.spanId}-01` });
  });

  it("tells of a burial and of a failure, by code and without words", async () => {
    await put("poison", SAMPLED);
    await put("later", SAMPLED);
    let failures = 0;
    const stage = await run(
      stageOf({
        async handle(batch) {
          if (failures++ === 0) throw new Error("ann@example.test is not at home");
          for (const each of batch.records) batch.done(each);
        },
      }),
    );
    await vi.waitFor(async () => expect(await at.records(dead)).toHaveLength(1));
    await at.clock.advance(1_000);
    await vi.waitFor(async () => expect(await at.log.lag("copy", [into])).toBe(0));
    await stage.drain(1_000);
    await tracer.close(10_000);
    const told = receiver.spans.map(({ attributes, events }) => [attributes["carillon.buried"], events]);
    expect(told).toContainEqual(["undecodable", ["buried"]]);
    expect(told).toContainEqual([undefined, ["failed, comes again", "done"]]);
    expect(Buffer.concat(receiver.bodies).toString("latin1")).not.toContain("ann@");
  });

  it("ends also when the stage ends before it", async () => {
    await put("x", SAMPLED);
    let handed = 0;
    const stage = await run(
      stageOf({
        handle(batch) {
          handed++;
          return new Promise((_, reject) => batch.signal.addEventListener("abort", () => reject(batch.signal.reason)));
        },
      }),
    );
    await vi.waitFor(() => expect(handed).toBe(1));
    const drained = stage.drain(0);
    await at.clock.advance(1_000);
    await drained;
    await tracer.close(10_000);
    expect(receiver.spans).toMatchObject([{ name: "process copy", status: 2 }]);
  });

  it("is not made of an unsampled record, whose traceparent goes on, nor of one without a valid one, which does not", async () => {
    await put("quiet", UNSAMPLED);
    await put("odd", "00-not-a-trace");
    await put("none");
    const stage = await run(stageOf());
    await vi.waitFor(async () => expect(await at.records(out)).toHaveLength(3));
    await stage.drain(1_000);
    await tracer.close(10_000);
    const headers = Object.fromEntries((await at.records(out)).map((record) => [text(record.value), record.headers]));
    expect(headers).toEqual({ quiet: { traceparent: UNSAMPLED }, odd: {}, none: {} });
    expect(receiver.spans).toEqual([]);
  });
});

describe("how far a stage is behind", () => {
  it("is told by topic: records to do, and the age of the oldest", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await put("first");
    await at.clock.advance(2_000);
    await put("second");
    await at.clock.advance(3_000);
    const stage = await run(
      stageOf({
        batchSize: 1,
        async handle(batch) {
          await held;
          for (const each of batch.records) batch.done(each);
        },
      }),
    );
    const oldest = () => at.metric("carillon_stage_oldest_record_age_seconds");
    await vi.waitFor(async () => expect(await oldest()).toEqual({ "copy in": 5 }));
    expect(await at.metric("carillon_stage_lag_records")).toEqual({ "copy in": 2 });
    release();
    await vi.waitFor(async () => expect(await at.metric("carillon_stage_lag_records")).toEqual({ "copy in": 0 }));
    expect(await oldest()).toEqual({ "copy in": 0 });
    await stage.drain(0);
  });

  it("counts dead letters by reason", async () => {
    await put("poison");
    const stage = await run(stageOf());
    await vi.waitFor(async () => expect(await at.metric("carillon_dead_letters_total")).toEqual({ "copy dead undecodable": 1 }));
    await stage.drain(0);
  });
});
