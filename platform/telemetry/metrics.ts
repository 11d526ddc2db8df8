/** Prometheus: one registry for the process, and the page that is scraped. */
import { collectDefaultMetrics, Registry } from "prom-client";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Route } from "#platform/rpc/route.ts";

export function createMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export const metricsRoute = (registry: Registry): Route => ({
  method: "GET",
  path: "/metrics",
  scope: Scope.READ,
  probe: true,
  async handle() {
    return { status: 200, headers: { "content-type": registry.contentType, "cache-control": "no-store" }, body: await registry.metrics() };
  },
});
