/** Engines that run somewhere already, by the settings that name them. */
import type { EngineAddresses } from "./addresses.ts";

const FIRST_DATABASE = "/carillon";

export function givenEngines(env: NodeJS.ProcessEnv): Partial<EngineAddresses> {
  const list = (text: string) => text.split(",").map((each) => each.trim());
  const {
    CARILLON_KAFKA_BROKERS: kafka,
    CARILLON_MYSQL_URL: mysql,
    CARILLON_REDIS_CACHE_URL: redisCache,
    CARILLON_REDIS_LEDGER_URL: redisLedger,
    CARILLON_CASSANDRA_CONTACT_POINTS: cassandra,
  } = env;
  return {
    ...(kafka && { kafka: list(kafka) }),
    ...(mysql && { mysql }),
    ...(redisCache && { redisCache }),
    ...(redisLedger && { redisLedger }),
    ...(cassandra && { cassandra: list(cassandra)[0] as string }),
  };
}

/** The database that the services use on a server of ours; one that was given names its own. */
export const databaseUrl = (mysql: string): string => (new URL(mysql).pathname.length > 1 ? mysql : mysql + FIRST_DATABASE);
