/** Whether a quorum of the keyspace answers, asked every two seconds, for readiness; told to the log when it changes. */
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import type { Readiness } from "#platform/telemetry/health.ts";
import { saidOf } from "./errors.ts";

const EVERY_MS = 2_000;
const OK: Readiness = { ok: true, why: [] };

interface HealthNeeds {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the asking. */
  readonly signal: AbortSignal;
}

/** Answers what the last question came to. */
export function watchHealth(ask: () => Promise<unknown>, { clock, logger, signal }: HealthNeeds): () => Readiness {
  let health = OK;
  const look = async (): Promise<Readiness> => {
    try {
      await ask();
      if (!health.ok) logger.info("Cassandra answers again");
      return OK;
    } catch (error) {
      const why = `Cassandra does not answer (${saidOf(error)})`;
      if (health.ok && !signal.aborted) logger.warn(why);
      return { ok: false, why: [why] };
    }
  };
  const watch = async () => {
    for (await clock.sleep(EVERY_MS, signal); !signal.aborted; await clock.sleep(EVERY_MS, signal)) health = await look();
  };
  void watch();
  return () => health;
}
