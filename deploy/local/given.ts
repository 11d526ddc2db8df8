/** Engines that run somewhere already, by the settings that name them. */
import type { EngineAddresses, EngineName } from "./addresses.ts";

export const SETTINGS: Readonly<Record<EngineName, string>> = {
  kafka: "CARILLON_KAFKA_BROKERS",
  mysql: "CARILLON_MYSQL_URL",
  redisCache: "CARILLON_REDIS_CACHE_URL",
  redisLedger: "CARILLON_REDIS_LEDGER_URL",
  cassandra: "CARILLON_CASSANDRA_CONTACT_POINTS",
};

const FIRST_DATABASE = "/carillon";

export function givenEngines(env: NodeJS.ProcessEnv): Partial<EngineAddresses> {
  const list = (text: string) => text.split(",").map((each) => each.trim());
  const [kafka, mysql] = [env[SETTINGS.kafka], env[SETTINGS.mysql]];
  const [redisCache, redisLedger] = [env[SETTINGS.redisCache], env[SETTINGS.redisLedger]];
  const cassandra = env[SETTINGS.cassandra];
  return {
    ...(kafka && { kafka: list(kafka) }),
    ...(mysql && { mysql }),
    ...(redisCache && { redisCache }),
    ...(redisLedger && { redisLedger }),
    ...(cassandra && { cassandra: list(cassandra)[0] as string }),
  };
}

/** The database that the services use on a server of ours; one that was given names its own. */
export const databaseUrl = (mysql: string): string =>
  URL.canParse(mysql) && new URL(mysql).pathname.length <= 1 ? mysql.replace(/\/?$/, FIRST_DATABASE) : mysql;
