/** Prometheus: one registry for the process, what it says of the process itself, and the page that is scraped. */
import { performance } from "node:perf_hooks";
import { collectDefaultMetrics, Registry } from "prom-client";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Route } from "#platform/rpc/route.ts";
import type { Readiness } from "./health.ts";
import { gauge, lookUp } from "./metric.ts";

const buildInfo = gauge({
  name: "carillon_build_info",
  help: "Always 1; the labels say what runs.",
  labels: { version: "Carillon's", node: "Node's" },
});
const loopUtilization = gauge({
  name: "carillon_event_loop_utilization_ratio",
  help: "The share of its time that the event loop was busy, since the last scrape.",
  labels: {},
});
const ready = gauge({ name: "carillon_ready", help: "1 while /readyz says that the process takes work, else 0.", labels: {} });

const runs = gauge({
  name: "carillon_module",
  help: "Always 1, for each module that the process runs.",
  labels: { module: "the module's name" },
});

/** Also of those that run no stage: by it is seen that nobody runs one any more. */
export function tellModules(registry: Registry, names: readonly string[]): void {
  const each = runs.on(registry);
  for (const module of names) each.set({ module }, 1);
}

export function createMetrics(version: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  buildInfo.on(registry).set({ version, node: process.versions.node }, 1);
  let last = performance.eventLoopUtilization();
  lookUp(loopUtilization, registry, () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return [{ labels: {}, value: utilization }];
  });
  return registry;
}

export const metricsRoutes = (registry: Registry, readiness: () => Readiness): Route[] => {
  lookUp(ready, registry, () => [{ labels: {}, value: readiness().ok ? 1 : 0 }]);
  return [
    {
      method: "GET",
      path: "/metrics",
      scope: Scope.READ,
      probe: true,
      async handle() {
        return {
          status: 200,
          headers: { "content-type": registry.contentType, "cache-control": "no-store" },
          body: await registry.metrics(),
        };
      },
    },
  ];
};
