/** What the MySQL client tells Prometheus: its statements, its connections, and what did not work. */
import { Registry } from "prom-client";
import { Problem } from "#domain/errors.ts";
import { counter, gauge, histogram, lookUp } from "#platform/telemetry/metric.ts";
import type { Connections } from "./connections.ts";

const statementSeconds = histogram({
  name: "carillon_mysql_statement_seconds",
  help: "How long one statement took, from asking to the last row of its answer.",
  labels: { store: "the store's .sql file, as folder/file" },
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
});
const repeatedTotal = counter({
  name: "carillon_mysql_repeated_total",
  help: "Transactions that the server undid for another one, and that were done anew.",
  labels: { code: "ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT" },
});
const failedTotal = counter({
  name: "carillon_mysql_failed_total",
  help: "Calls that failed: the server could not do them now, or it refused them.",
  labels: { as: "unavailable, refused" },
});
const connectionCount = gauge({
  name: "carillon_mysql_connections",
  help: "Connections that are in use, and calls that wait for one.",
  labels: { state: "lent, waiting" },
});

export interface MysqlMetrics {
  statement(store: string, seconds: number): void;
  repeated(code: string): void;
  /** Answers the error it was told of. */
  failed(error: unknown): unknown;
}

export function mysqlMetrics(connections: Connections, registry: Registry = new Registry()): MysqlMetrics {
  const seconds = statementSeconds.on(registry);
  const repeated = repeatedTotal.on(registry);
  const failed = failedTotal.on(registry);
  lookUp(connectionCount, registry, () => {
    const { lent, waiting } = connections.counts;
    return [
      { labels: { state: "lent" }, value: lent },
      { labels: { state: "waiting" }, value: waiting },
    ];
  });
  return {
    statement: (store, took) => seconds.observe({ store }, took),
    repeated: (code) => repeated.inc({ code }),
    failed(error) {
      failed.inc({ as: error instanceof Problem ? "unavailable" : "refused" });
      return error;
    },
  };
}
