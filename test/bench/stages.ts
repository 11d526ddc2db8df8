/**
 * What each stage costs in CPU a notification, on the real embedded engines, database thread included: the stages run one after the other,
 * each alone over everything that the one before has written. Every notification goes to one person by email and web.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import pino from "pino";
import { Registry } from "prom-client";
import { all as topics } from "#domain/topics.ts";
import { SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { systemClock as clock } from "#platform/clock.ts";
import { loadConfig } from "#platform/config/config.ts";
import type { Given, Module } from "#platform/host.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { runStage } from "#platform/stage/runner.ts";
import { noTracer } from "#platform/telemetry/trace.ts";
import { access } from "../../services/access/module.ts";
import { embedded } from "../../services/adapters.ts";
import { emailWorkers } from "../../services/delivery/module.ts";
import { dispatcherModule } from "../../services/dispatcher/module.ts";
import { inbox } from "../../services/inbox/module.ts";
import { accept } from "../../services/ingest/accept.ts";
import { Intake } from "../../services/ingest/intake.ts";
import { preferences } from "../../services/preferences/module.ts";
import { routerModule } from "../../services/router/module.ts";
import { tracker } from "../../services/tracker/module.ts";

const COUNT = 20_000;
const BATCH = 100;

export async function stageCosts(): Promise<{ stage: string; us: number }[]> {
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-stages-"));
  const logger = pino({ level: "warn" });
  const metrics = new Registry();
  const { stores, close, log, ledger, fanout } = await embedded({ dataDir, clock, metrics, logger, topics });
  const rpc: ((router: ConnectRouter) => void)[] = [];
  const client = createClients({ rpc: () => rpc, logger, metrics, clock });
  const given: Given = { log, ledger, fanout, clock, logger, metrics, worker: "bench", client, tracer: noTracer };
  const modules = [
    preferences,
    routerModule,
    dispatcherModule,
    emailWorkers({ developmentMailbox: () => undefined }),
    inbox,
    tracker,
    access,
  ] as readonly Module[];
  const settings = loadConfig(modules, { CARILLON_EMAIL_PROVIDER: "null" });
  const parts = await Promise.all(
    modules.map((module) => module.build(settings.get(module.name), given, (stores as Readonly<Record<string, unknown>>)[module.name])),
  );
  rpc.push(...parts.flatMap((part) => part.rpc ?? []));

  const costs = [
    { stage: "ingest (SendBatch of 100, without RPC)", us: await costOf(() => take(new Intake({ log, logger }, stores.ingest))) },
  ];
  for (const stage of parts.flatMap((part) => part.stages ?? [])) {
    const us = await costOf(async () => {
      const running = await runStage({ stage, log, clock, logger, metrics });
      while ((await log.lag(stage.name, stage.reads)) > 0) await clock.sleep(20);
      await running.drain(1_000);
    });
    costs.push({ stage: stage.name, us });
  }
  await close();
  rmSync(dataDir, { recursive: true, force: true });
  return costs;
}

async function costOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / COUNT;
}

async function take(intake: Intake): Promise<void> {
  for (let from = 0; from < COUNT; from += BATCH) {
    const items = Array.from({ length: BATCH }, (_, index) => {
      const person = `person-${(from + index) % 1_000}`;
      const request = create(SendRequestSchema, {
        recipients: [{ userId: person, email: `${person}@example.test` }],
        eventType: "order.paid",
        content: { title: "Payment confirmed", body: "Your payment of 99.99 has been confirmed. ".repeat(6) },
      });
      return accept(request, "development", clock.nowMs());
    });
    await intake.take(items);
  }
}
