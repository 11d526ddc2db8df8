/** Puts a process together from its settings: engines, modules, stages, tasks, server. */
import { join } from "node:path";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { ConfigProblem, loadConfig } from "#platform/config/config.ts";
import type { Given, Module, Parts } from "#platform/host.ts";
import type { Authenticate } from "#platform/rpc/call.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { serve } from "#platform/rpc/server.ts";
import { runStage } from "#platform/stage/runner.ts";
import { healthRoutes } from "#platform/telemetry/health.ts";
import { createLogger } from "#platform/telemetry/logger.ts";
import { createMetrics, metricsRoutes } from "#platform/telemetry/metrics.ts";
import { uuidv7 } from "#platform/uuid.ts";
import { mintToken } from "../gateway/token.ts";
import { authenticating } from "./access/authenticate.ts";
import { firstCredential, seedDevelopmentEnvironment } from "./access/first.ts";
import { embedded } from "./adapters.ts";
import { openBoxes } from "./console/box.ts";
import { type Mailbox, openMailbox } from "./console/mailbox.ts";
import { modulesOf } from "./modules.ts";
import { seedDevelopment } from "./preferences/development.ts";
import type { ProcessSettings } from "./process.ts";
import { secretOf } from "./secret.ts";
import { settingsFile } from "./settings-file.ts";
import { runTask } from "./task.ts";
import { tlsOf } from "./tls.ts";
import { openTracer } from "./tracing.ts";
import { version } from "./version.ts";

export interface Running {
  readonly readyLine: string;
  /** The first admin key of a production installation, at its first start only: to be shown, and logged nowhere. */
  readonly firstCredential: string | undefined;
  drain(why: string, timeoutMs: number): Promise<void>;
}

/**
 * Of the time that draining may take. The stages' is longer than handing a message over may take; an answer that is still missing then is
 * given up: the lease stands, and the next process sends again when it is over.
 */
const DOOR_SHARE = 0.15;
const STAGES_SHARE = 0.75;

/** In development everybody is the development environment, and may do anything. */
const DEVELOPMENT = "development";
const developer: Authenticate = () => ({ environment: DEVELOPMENT, internal: false, scopes: [Scope.ADMIN] });

export async function start(names: readonly string[], env: NodeJS.ProcessEnv): Promise<Running> {
  let mailbox: Mailbox | undefined;
  let secret: Uint8Array | undefined;
  const boxes = openBoxes();
  const tokenSecret = () => secret as Uint8Array;
  const modules = modulesOf({
    mailbox: () => mailbox,
    ...{ boxes, tokenSecret },
    mintToken: (environment, userId) => mintToken(tokenSecret(), { userId, environment, nowMs: systemClock.nowMs() }),
  }) as readonly Module[];
  refuseSubset(names, modules);
  const settings = loadConfig(modules, env, settingsFile(env));
  const process_ = settings.get("process") as ProcessSettings;
  const isProduction = process_.mode === "production";
  const tls = tlsOf(process_);

  const clock = systemClock;
  const logger = createLogger({ level: process_["log.level"] });
  const metrics = createMetrics(version);
  const worker = uuidv7(clock.nowMs());
  const tracer = await openTracer(process_, { instance: worker, clock, logger, metrics });
  if (process_["kafka.brokers"])
    logger.warn("kafka.brokers is for the mesh form; the embedded form keeps its log in SQLite and ignores it");
  const adapters = await embedded({ dataDir: process_["data-dir"], clock, metrics, logger });
  secret = secretOf(join(process_["data-dir"], "gateway-token.secret"));
  if (!isProduction) {
    const port = (settings.get("console") as { "smtp-sink-port": number })["smtp-sink-port"];
    mailbox = await openMailbox({ port, box: boxes(DEVELOPMENT), logger });
    await seedDevelopmentEnvironment(adapters.stores.access, DEVELOPMENT, clock);
    await seedDevelopment(adapters.stores.preferences);
  }

  const parts: Parts[] = [];
  const rpc = () => parts.flatMap((part) => part.rpc ?? []);
  const given: Given = {
    ...{ log: adapters.log, ledger: adapters.ledger, fanout: adapters.fanout, clock, logger, metrics, tracer, worker },
    client: createClients({ rpc, logger, metrics, clock, tracer }),
  };
  const stores: Readonly<Record<string, unknown>> = adapters.stores;
  for (const module of modules) parts.push(await module.build(settings.get(module.name), given, stores[module.name]));

  const groupPrefix = process_["consumer-group-id"];
  const stages = await Promise.all(
    parts
      .flatMap((part) => part.stages ?? [])
      .map((stage) => runStage({ stage, log: adapters.log, clock, logger, metrics, groupPrefix, tracer })),
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
    grpcPort: process_["grpc-port"],
    host: process_.host,
    rpc: rpc(),
    routes: [...parts.flatMap((part) => part.routes ?? []), ...metricsRoutes(metrics, readiness), ...healthRoutes(readiness)],
    sockets: parts.flatMap((part) => part.sockets ?? []),
    authenticate: isProduction ? authenticating({ store: adapters.stores.access, clock, logger }) : developer,
    ready: readiness,
    developmentHosts: !isProduction,
    ...(tls && { tls }),
    trustProxy: process_["trust-proxy"],
    ...{ logger, metrics, clock, tracer },
  });
  const [url, legacyUrl] = server.ports.map((port) => `${tls ? "https" : "http"}://${shown(process_.host)}:${port}`);
  logger.info({ mode: process_.mode, ports: server.ports, grpcPort: server.grpcPort, smtpSinkPort: mailbox?.port() }, "started");
  const smtp = mailbox ? ` smtp 127.0.0.1:${mailbox.port()}` : "";

  return {
    readyLine: `Carillon ready ${url} also ${legacyUrl} grpc ${shown(process_.host)}:${server.grpcPort}${smtp} data ${process_["data-dir"]}`,
    // Last of all: a start that fails after the key was made would have shown it to nobody.
    firstCredential: isProduction ? await firstCredential(adapters.stores.access, clock) : undefined,
    async drain(why, timeoutMs) {
      draining = true;
      logger.info({ why }, "draining");
      await server.drain(timeoutMs * DOOR_SHARE);
      stop.abort();
      await Promise.all([...stages.map((stage) => stage.drain(timeoutMs * STAGES_SHARE)), Promise.allSettled(tasks)]);
      for (const part of parts) await part.close?.();
      server.close();
      await mailbox?.close();
      await adapters.close();
      await tracer.close(timeoutMs / 8);
      logger.info("drained");
    },
  };
}

/** A name for the address to listen on that a browser of this machine can open. */
const shown = (host: string): string => {
  if (["0.0.0.0", "::", "127.0.0.1"].includes(host)) return "localhost";
  return host.includes(":") ? `[${host}]` : host;
};

/** Part of the modules on SQLite would be a mesh without anything between its parts. */
function refuseSubset(names: readonly string[], modules: readonly Module[]): void {
  const unknown = names.filter((name) => !modules.some((module) => module.name === name));
  if (unknown.length > 0)
    throw new ConfigProblem([`There is no module ${unknown.join(", ")}; there are ${modules.map((module) => module.name).join(", ")}.`]);
  if (names.length > 0 && names.length < modules.length)
    throw new ConfigProblem(["The embedded form runs all modules in one process; start it without naming any."]);
}
