/** Gateway: web notifications to open browsers, live. */
import { z } from "zod";
import { wholeNumber } from "#platform/config/fields.ts";
import type { Module } from "#platform/host.ts";
import { gauge, lookUp } from "#platform/telemetry/metric.ts";
import { allowedOrigins } from "./origins.ts";
import { gatewaySocket } from "./socket.ts";

const config = z.object({
  "gateway.heartbeat-ms": wholeNumber({ min: 100, max: 300_000 })
    .default(30_000)
    .meta({ description: "How often either side shows that it is there; three misses close." }),
  "gateway.max-connections-per-user": wholeNumber({ min: 1, max: 10_000 }).default(20).meta({ description: "Connections of one person." }),
  "gateway.max-connections-per-ip": wholeNumber({ min: 1, max: 100_000 })
    .default(200)
    .meta({ description: "Connections from one address." }),
  "gateway.allowed-origins": allowedOrigins,
});

const openConnections = gauge({ name: "carillon_gateway_connections", help: "Open WebSocket connections.", labels: {} });

export const gateway = (needs: { secret: () => Uint8Array }): Module<z.output<typeof config>> => ({
  name: "gateway",
  uses: ["fanout"],
  config,
  build(settings, given) {
    const { socket, dismiss, connections } = gatewaySocket(given, {
      secret: needs.secret,
      heartbeatMs: settings["gateway.heartbeat-ms"],
      perUser: settings["gateway.max-connections-per-user"],
      perAddress: settings["gateway.max-connections-per-ip"],
      origins: settings["gateway.allowed-origins"],
    });
    lookUp(openConnections, given.metrics, () => [{ labels: {}, value: connections() }]);
    return {
      sockets: [socket],
      tasks: [
        {
          name: "dismiss-browsers",
          run: (signal) =>
            new Promise((resolve) => {
              const leave = () => {
                dismiss();
                resolve();
              };
              if (signal.aborted) leave();
              else signal.addEventListener("abort", leave, { once: true });
            }),
        },
      ],
    };
  },
});
