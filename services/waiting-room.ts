/**
 * The door of a process whose engines do not answer yet: its probes say that it lives, is not ready, and in development, while keys cannot
 * be looked up, what it waits for; every call is told to come again.
 */
import { Problem } from "#domain/errors.ts";
import { type RunningServer, type ServerOptions, serve } from "#platform/rpc/server.ts";
import { healthRoutes, type Readiness } from "#platform/telemetry/health.ts";

const RETRY_AFTER_MS = 1_000;

export interface WaitingRoom {
  /** The ports that it has, which the process keeps. */
  readonly ports: Pick<RunningServer, "ports" | "grpcPort">;
  /** What each engine says while it is waited for; undefined: it is there. */
  readonly waitingFor: (engine: string, why: string | undefined) => void;
  close(): void;
}

export async function openWaitingRoom(
  options: Omit<ServerOptions, "rpc" | "routes" | "sockets" | "ready" | "closed" | "authenticate">,
): Promise<WaitingRoom> {
  const awaited = new Map<string, string>();
  const ready = (): Readiness => ({ ok: false, why: ["starting", ...awaited.values()] });
  const server = await serve({
    ...options,
    ...{ rpc: [], routes: healthRoutes(ready, () => options.developmentHosts), sockets: [], ready },
    authenticate: () => {
      throw new Problem("STARTING");
    },
    closed: () => new Problem("STARTING", { retryAfterMs: RETRY_AFTER_MS }),
  });
  return {
    ports: server,
    waitingFor(engine, why) {
      if (why === undefined) awaited.delete(engine);
      else awaited.set(engine, why);
    },
    close: () => server.close(),
  };
}
