/** Where the engines are that the tests of the `engines` project speak to. */
export interface EngineAddresses {
  /** host:port of each broker. */
  readonly kafka: readonly string[];
  /** mysql://user:password@host:port, without a database: a test makes its own. */
  readonly mysql: string;
  /** redis://host:port of the one that may evict, and of the one that must not. */
  readonly redisCache: string;
  readonly redisLedger: string;
  /** host:port */
  readonly cassandra: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    engines: EngineAddresses;
  }
}
