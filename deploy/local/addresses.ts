/** Where the engines of a mesh are. The names of its fields are the names of the engines. */
export interface EngineAddresses {
  /** host:port of each broker. */
  readonly kafka: readonly string[];
  /** mysql://user:password@host:port, without a database. */
  readonly mysql: string;
  /** redis://host:port of the one that may evict, and of the one that must not. */
  readonly redisCache: string;
  readonly redisLedger: string;
  /** host:port */
  readonly cassandra: string;
}

export type EngineName = keyof EngineAddresses;

export const engineNames: readonly EngineName[] = ["kafka", "mysql", "redisCache", "redisLedger", "cassandra"];
