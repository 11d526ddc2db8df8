/** Puts a process together from its settings: engines, modules, stages, tasks, server. */
import { join } from "node:path";
import { systemClock } from "#platform/clock.ts";
import { loadConfig } from "#platform/config/config.ts";
import { DEVELOPMENT } from "#platform/config/mode.ts";
import type { Given, Module, Parts } from "#platform/host.ts";
import { forwarding } from "#platform/rpc/forward.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { derived, peerCredentials } from "#platform/rpc/peers.ts";
import { serve } from "#platform/rpc/server.ts";
import { runStage } from "#platform/stage/runner.ts";
import { type Health, healthRoutes, together } from "#platform/telemetry/health.ts";
import { createLogger } from "#platform/telemetry/logger.ts";
import { createMetrics, metricsRoutes, tellModules } from "#platform/telemetry/metrics.ts";
import { uuidv7 } from "#platform/uuid.ts";
import { mintToken } from "../gateway/token.ts";
import { firstCredential } from "./access/first.ts";
import { sessionsOf } from "./access/session.ts";
import { type SignIn, signingIn } from "./access/sign-in.ts";
import { chosen, namesOf } from "./chosen.ts";
import { openMailbox } from "./console/mailbox.ts";
import { authenticateFor, hearsWhy } from "./door.ts";
import { openAdapters } from "./form.ts";
import { modulesOf } from "./modules.ts";
import { elsewhere, isFront, type Places, portOf, urlOf } from "./places.ts";
import type { ProcessSettings } from "./process.ts";
import { readyLine } from "./ready-line.ts";
import { secretOf } from "./secret.ts";
import { settingsFile } from "./settings-file.ts";
import { runTask } from "./task.ts";
import { tlsOf } from "./tls.ts";
import { openTracer } from "./tracing.ts";
import { version } from "./version.ts";
import { openWaitingRoom } from "./waiting-room.ts";

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

export async function start(names: readonly string[], env: NodeJS.ProcessEnv): Promise<Running> {
  let mailboxAt: { readonly host: string; readonly port: number } | undefined;
  let secret: Uint8Array | undefined;
  let gatewayAt: string | undefined;
  let signIn: SignIn | undefined;
  const tokenSecret = () => secret as Uint8Array;
  const all = modulesOf({
    mailbox: () => mailboxAt,
    tokenSecret,
    gatewayAt: () => gatewayAt,
    signIn: () => signIn as SignIn,
    mintToken: (environment, userId) => mintToken(tokenSecret(), { userId, environment, nowMs: systemClock.nowMs() }),
  }) as readonly Module[];
  const settings = loadConfig(all, env, settingsFile(env));
  const process_ = settings.get("process") as ProcessSettings;
  const places = settings.get("places") as Places;
  const modules = chosen(names, all, process_);
  const runs = (name: string) => modules.some((module) => module.name === name);
  const isProduction = process_.mode === "production";

  const clock = systemClock;
  const logger = createLogger({ level: process_["log.level"] });
  const metrics = createMetrics(version);
  tellModules(metrics, namesOf(modules));
  const worker = uuidv7(clock.nowMs());
  const tracer = await openTracer(process_, { instance: worker, clock, logger, metrics });

  const tls = tlsOf(process_);
  const peers = { front: process_["http-port"], tls: tls !== undefined };
  const front = isFront(modules);
  const door = {
    ports: front ? [process_["http-port"], process_["legacy-http-port"]] : [portOf(modules, places)],
    ...(front && { grpcPort: process_["grpc-port"] }),
    host: process_.host,
    developmentHosts: !isProduction,
    pagePorts: [process_["http-port"], process_["legacy-http-port"]],
    ...(tls && { tls }),
    trustProxy: process_["trust-proxy"],
    ...{ logger, metrics, clock, tracer },
  };
  const room = process_.adapters === "mesh" ? await openWaitingRoom(door) : undefined;
  const adapters = await openAdapters(settings, { modules, worker, room, clock, metrics, logger });
  const shared = process_["service-secret"];
  const own = shared ?? secretOf(join(process_["data-dir"], "gateway-token.secret"));
  secret = typeof own === "string" ? derived(own, "gateway-token") : own;
  const sessions = sessionsOf(derived(own, "session"), clock);
  const authenticate = authenticateFor(process_, { store: adapters.stores.access, clock, logger, sessions });
  signIn = signingIn(authenticate, sessions);
  const mailboxPort = (settings.get("console") as { "smtp-sink-port": number })["smtp-sink-port"];
  const mailbox =
    !isProduction && runs("console")
      ? await openMailbox({ port: mailboxPort, box: adapters.stores.console(DEVELOPMENT), logger })
      : undefined;
  if (mailbox) mailboxAt = { host: "127.0.0.1", port: mailbox.port() };
  else if (!isProduction) mailboxAt = { host: new URL(urlOf("console", places, peers)).hostname, port: mailboxPort };

  if (runs("console") && !runs("gateway")) gatewayAt = urlOf("gateway", places, peers);

  const away = elsewhere(all, modules);
  const forwarded = forwarding([...away.keys()], {
    urlOf: (service) => urlOf(away.get(service) as string, places, peers),
    credentialOf: shared === undefined ? nobody : peerCredentials(shared, clock),
  });
  const parts: Parts[] = [];
  const rpc = () => parts.flatMap((part) => part.rpc ?? []);
  const given: Given = {
    ...{ log: adapters.log, ledger: adapters.ledger, fanout: adapters.fanout, clock, logger, metrics, tracer, worker },
    client: createClients({ rpc: () => [...rpc(), forwarded.rpc], logger, metrics, clock, tracer }),
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
  const tasks = [...(adapters.tasks ?? []), ...parts.flatMap((part) => part.tasks ?? [])].map((task) =>
    runTask(task, { clock, logger }, stop.signal),
  );
  let draining = false;
  const readiness = () => {
    const all: Health[] = [adapters, ...stages].map((each) => each.health());
    return together(draining ? [...all, { ok: false, why: "draining" }] : all);
  };
  room?.close();
  const server = await serve({
    ...{ ...door, ...room?.ports },
    // Everybody calls the front, for whatever is behind it.
    rpc: front ? [...rpc(), forwarded.rpc] : rpc(),
    routes: [
      ...parts.flatMap((part) => part.routes ?? []),
      ...metricsRoutes(metrics, readiness),
      ...healthRoutes(readiness, hearsWhy(process_, authenticate)),
    ],
    sockets: parts.flatMap((part) => part.sockets ?? []),
    shedders: parts.flatMap((part) => part.shedders ?? []),
    authenticate,
    ready: readiness,
  });
  logger.info(
    { mode: process_.mode, modules: names, ports: server.ports, grpcPort: server.grpcPort, smtpSinkPort: mailbox?.port() },
    "started",
  );

  return {
    readyLine: readyLine({ names, server, process_, front, secure: tls !== undefined, smtpPort: mailbox?.port() }),
    // Last of all: a start that fails after the key was made would have shown it to nobody.
    firstCredential: isProduction && runs("access") ? await firstCredential(adapters.stores.access, clock) : undefined,
    async drain(why, timeoutMs) {
      draining = true;
      logger.info({ why }, "draining");
      await server.drain(timeoutMs * DOOR_SHARE);
      stop.abort();
      await Promise.all([...stages.map((stage) => stage.drain(timeoutMs * STAGES_SHARE)), Promise.allSettled(tasks)]);
      for (const part of parts) await part.close?.();
      server.close();
      forwarded.close();
      await mailbox?.close();
      await adapters.close();
      await tracer.close(timeoutMs / 8);
      logger.info("drained");
    },
  };
}

/** Never asked: all modules are here, or there is a secret. */
const nobody = () => Promise.reject(new Error("there is no service-secret to call another process with"));
