/** Whether the server answers, asked every two seconds, for readiness; told to the log when it changes. */
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import { codeOf } from "./errors.ts";
import type { Health } from "./mysql.ts";

const EVERY_MS = 2_000;

interface HealthNeeds {
  /** "MySQL at host:port" */
  readonly server: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the asking. */
  readonly signal: AbortSignal;
}

const OK: Health = { ok: true };

/** Answers what the last ping came to. */
export function watchHealth(ping: () => Promise<unknown>, { server, clock, logger, signal }: HealthNeeds): () => Health {
  let health: Health = OK;
  const look = async (): Promise<Health> => {
    try {
      await ping();
      if (!health.ok) logger.info(`${server} answers again`);
      return OK;
    } catch (error) {
      const why = `${server} does not answer (${codeOf(error)})`;
      if (health.ok && !signal.aborted) logger.warn(why);
      return { ok: false, why };
    }
  };
  const watch = async () => {
    for (await clock.sleep(EVERY_MS, signal); !signal.aborted; await clock.sleep(EVERY_MS, signal)) health = await look();
  };
  void watch();
  return () => health;
}
