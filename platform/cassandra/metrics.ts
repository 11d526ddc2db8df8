/** What the Cassandra client tells Prometheus: its requests, how they ended, and how many hosts it speaks to. */
import { Registry } from "prom-client";
import { gauge, histogram, lookUp } from "#platform/telemetry/metric.ts";
import type { Turns } from "./turns.ts";

export type Observe = (request: "read" | "write" | "swap", as: "done" | "refused" | "unavailable" | "failed", seconds: number) => void;

const requestSeconds = histogram({
  name: "carillon_cassandra_request_seconds",
  help: "How long one request took, its waiting for a turn and a second try included. refused: the condition of a swap did not hold.",
  labels: { request: "read, write, swap", as: "done, refused, unavailable, failed" },
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
});
const requestCount = gauge({
  name: "carillon_cassandra_requests",
  help: "Requests that are under way, and that wait for their turn.",
  labels: { state: "busy, waiting" },
});
const hostCount = gauge({
  name: "carillon_cassandra_hosts",
  help: "Hosts of the local data center, and how many of them this process is connected to.",
  labels: { state: "known, connected" },
});

interface Watched {
  readonly turns: Turns;
  readonly hosts: () => { readonly known: number; readonly connected: number };
}

/** Answers who is to hear of every request. */
export function cassandraMetrics({ turns, hosts }: Watched, registry: Registry = new Registry()): Observe {
  const seconds = requestSeconds.on(registry);
  lookUp(requestCount, registry, () => Object.entries(turns.counts).map(([state, value]) => ({ labels: { state }, value })));
  lookUp(hostCount, registry, () => Object.entries(hosts()).map(([state, value]) => ({ labels: { state }, value })));
  return (request, as, took) => seconds.observe({ request, as }, took);
}
