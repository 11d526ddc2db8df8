/**
 * How long a high-priority mail waits for its send to begin while 100,000 of low priority are queued, on the real embedded engines: with the
 * default rate, of which the low ones take what they may get, and without one, where they keep all connections busy.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import pino from "pino";
import { Registry } from "prom-client";
import * as topics from "#domain/topics.ts";
import { ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import { DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import { systemClock as clock } from "#platform/clock.ts";
import type { Rate } from "#platform/limits/bucket.ts";
import { wordsOf } from "#platform/render/content.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { runStage } from "#platform/stage/runner.ts";
import { deliveryMetrics } from "#platform/telemetry/deliveries.ts";
import { noTracer } from "#platform/telemetry/trace.ts";
import { embedded } from "../../services/adapters.ts";
import { integrationOf, type Route } from "../../services/delivery/integration.ts";
import { emailLoop } from "../../services/delivery/loop.ts";
import type { Sender } from "../../services/delivery/sender.ts";
import { quantile } from "./table.ts";

const QUEUED = 100_000;
const AT_ONCE = 1_000;
const TRIES = 50;
const EVERY_MS = 100;
/** Of a provider that takes its time. */
const SEND_MS = 20;
const EXPIRY_MS = 3_600_000;

/** In milliseconds, from the append to the log to the beginning of the send. */
export async function highAmongLow(rate: Rate | undefined): Promise<{ p50: number; worst: number }> {
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-lanes-"));
  const logger = pino({ level: "warn" });
  const metrics = new Registry();
  const { stores, close, log, ledger } = await embedded({ dataDir, clock, metrics, logger, topics: topics.all });
  const begun = new Map<string, (atMs: number) => void>();
  const sender: Sender = {
    ...{ id: "smtp", width: 20 },
    async send({ to, messageId }) {
      begun.get(to)?.(performance.now());
      await clock.sleep(SEND_MS);
      return { is: "accepted", providerMessageId: messageId, detail: "250" };
    },
    close: async () => undefined,
  };
  const { buckets } = stores["email-workers"];
  const live: Route = [integrationOf({ sender, rate, buckets, worker: "bench", clock })];
  const stage = emailLoop({
    ...{ live, routeOf: async () => live, ledger, clock, logger, worker: "bench", maxRetryCount: 3, tracer: noTracer },
    wordsOf: wordsOf(versionsOf({ client: createClients({ rpc: () => [], logger, metrics, clock }), clock })),
    metrics: deliveryMetrics(metrics, "email"),
    from: { name: "Carillon", address: "notifications@carillon.localhost" },
  });
  for (let from = 0; from < QUEUED; from += AT_ONCE)
    await log.append(Array.from({ length: AT_ONCE }, (_, at) => mail(topics.email.low, `low-${from + at}`)));
  const running = await runStage({ stage, log, clock, logger, metrics });
  const waits: number[] = [];
  for (let at = 0; at < TRIES; at++) {
    await clock.sleep(EVERY_MS);
    const sinceMs = performance.now();
    const began = new Promise<number>((resolve) => begun.set(`high-${at}@example.test`, resolve));
    await log.append([mail(topics.email.high, `high-${at}`)]);
    waits.push((await began) - sinceMs);
  }
  await running.drain(1_000);
  await close();
  rmSync(dataDir, { recursive: true, force: true });
  const sorted = waits.toSorted((one, other) => one - other);
  return { p50: quantile(sorted, 0.5), worst: sorted.at(-1) as number };
}

function mail(topic: topics.Topic, id: string) {
  const value = toBinary(
    DeliverySchema,
    create(DeliverySchema, {
      ...{ deliveryId: id, notificationId: `n-${id}`, environment: "development", userId: id, channel: 1, cycle: 1 },
      ...{ target: `${id}@example.test`, expiresAtMs: BigInt(clock.nowMs() + EXPIRY_MS) },
      content: toBinary(ContentSchema, create(ContentSchema, { title: "Payment confirmed", body: "It has been confirmed." })),
    }),
  );
  return { topic, key: `development/${id}`, value };
}
