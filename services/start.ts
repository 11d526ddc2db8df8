/** Puts a process together from its settings: engines, modules, stages, tasks, server. */
import { join } from "node:path";
import { systemClock } from "#platform/clock.ts";
import { ConfigProblem, loadConfig } from "#platform/config/config.ts";
import type { Given, Module, Parts } from "#platform/host.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { serve } from "#platform/rpc/server.ts";
import { runStage } from "#platform/stage/runner.ts";
import { healthRoutes } from "#platform/telemetry/health.ts";
import { createLogger } from "#platform/telemetry/logger.ts";
import { createMetrics, metricsRoute } from "#platform/telemetry/metrics.ts";
import { uuidv7 } from "#platform/uuid.ts";
import { mintToken } from "../gateway/token.ts";
import { embedded } from "./adapters.ts";
import { type Mailbox, openMailbox } from "./console/mailbox.ts";
import { modulesOf } from "./modules.ts";
import { seedDevelopment } from "./preferences/development.ts";
import type { ProcessSettings } from "./process.ts";
import { secretOf } from "./secret.ts";
import { settingsFile } from "./settings-file.ts";
import { runTask } from "./task.ts";

export interface Running {
  readonly readyLine: string;
  drain(why: string, timeoutMs: number): Promise<void>;
}

/** In development everybody is the development environment; a credential will say otherwise. */
const ENVIRONMENT = "development";

export async function start(names: readonly string[], env: NodeJS.ProcessEnv): Promise<Running> {
  let mailbox: Mailbox | undefined;
  let secret: Uint8Array | undefined;
  let url = "";
  const tokenSecret = () => secret as Uint8Array;
  const modules = modulesOf({
    mailbox: () => mailbox as Mailbox,
    tokenSecret,
    mintToken: (userId) => mintToken(tokenSecret(), { userId, environment: ENVIRONMENT, nowMs: systemClock.nowMs() }),
  }) as readonly Module[];
  refuseSubset(names, modules);
  const settings = loadConfig(modules, env, settingsFile(env));
  const process_ = settings.get("process") as ProcessSettings;

  const clock = systemClock;
  const logger = createLogger({ level: process_["log.level"] });
  const metrics = createMetrics();
  if (process_["kafka.brokers"])
    logger.warn("kafka.brokers is for the mesh form; the embedded form keeps its log in SQLite and ignores it");
  const adapters = await embedded({ dataDir: process_["data-dir"], clock, logger });
  secret = secretOf(join(process_["data-dir"], "gateway-token.secret"));
  mailbox = await openMailbox({ port: (settings.get("console") as { "smtp-sink-port": number })["smtp-sink-port"], logger });
  await seedDevelopment(adapters.stores.preferences);

  const parts: Parts[] = [];
  const rpc = () => parts.flatMap((part) => part.rpc ?? []);
  const given: Given = {
    ...{ log: adapters.log, ledger: adapters.ledger, fanout: adapters.fanout, clock, logger, metrics },
    worker: uuidv7(clock.nowMs()),
    publicUrl: () => url,
    client: createClients({ rpc, logger, metrics, clock }),
  };
  const stores: Readonly<Record<string, unknown>> = adapters.stores;
  for (const module of modules) parts.push(await module.build(settings.get(module.name), given, stores[module.name]));

  const groupPrefix = process_["consumer-group-id"];
  const stages = await Promise.all(
    parts.flatMap((part) => part.stages ?? []).map((stage) => runStage({ stage, log: adapters.log, clock, logger, metrics, groupPrefix })),
  );
  const stop = new AbortController();
  const tasks = parts.flatMap((part) => part.tasks ?? []).map((task) => runTask(task, { clock, logger }, stop.signal));
  let draining = false;
  const readiness = () => {
    const why = [adapters, ...stages].flatMap((each) => {
      const health = each.health();
      return health.ok ? [] : [health.why];
    });
    if (draining) why.push("draining");
    return { ok: why.length === 0, why };
  };
  const server = await serve({
    ports: [process_["http-port"], process_["legacy-http-port"]],
    host: process_.host,
    rpc: rpc(),
    routes: [...parts.flatMap((part) => part.routes ?? []), metricsRoute(metrics), ...healthRoutes(readiness)],
    sockets: parts.flatMap((part) => part.sockets ?? []),
    authenticate: () => ({ environment: ENVIRONMENT, internal: false }),
    developmentHosts: true,
    ...{ logger, metrics, clock },
  });
  url = `http://localhost:${server.ports[0]}`;
  logger.info({ ports: server.ports, smtpSinkPort: mailbox.port() }, "started");

  return {
    readyLine: `Carillon ready ${url} also http://localhost:${server.ports[1]} smtp 127.0.0.1:${mailbox.port()} data ${process_["data-dir"]}`,
    async drain(why, timeoutMs) {
      draining = true;
      logger.info({ why }, "draining");
      await server.drain(timeoutMs / 4);
      stop.abort();
      await Promise.all([...stages.map((stage) => stage.drain(timeoutMs / 2)), Promise.allSettled(tasks)]);
      for (const part of parts) await part.close?.();
      server.close();
      await mailbox?.close();
      await adapters.close();
      logger.info("drained");
    },
  };
}

/** Part of the modules on SQLite would be a mesh without anything between its parts. */
function refuseSubset(names: readonly string[], modules: readonly Module[]): void {
  const unknown = names.filter((name) => !modules.some((module) => module.name === name));
  if (unknown.length > 0)
    throw new ConfigProblem([`There is no module ${unknown.join(", ")}; there are ${modules.map((module) => module.name).join(", ")}.`]);
  if (names.length > 0 && names.length < modules.length)
    throw new ConfigProblem(["The embedded form runs all modules in one process; start it without naming any."]);
}
