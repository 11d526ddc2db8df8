/** The real rooms, as processes run them: stages and tasks over the ports that a process has. */
import { pino } from "pino";
import type { Registry } from "prom-client";
import { tiers } from "#domain/topics.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import type { Given, Task } from "#platform/host.ts";
import { memoryBuckets } from "#platform/limits/bucket.memory.ts";
import { wordsOf } from "#platform/render/content.ts";
import { versionsOf } from "#platform/render/versions.ts";
import type { Stage } from "#platform/stage/stage.ts";
import { deliveryMetrics } from "#platform/telemetry/deliveries.ts";
import { noTracer } from "#platform/telemetry/trace.ts";
import { integrationOf, type Route } from "../../services/delivery/integration.ts";
import { emailLoop } from "../../services/delivery/loop.ts";
import type { Sender } from "../../services/delivery/sender.ts";
import { dispatcher } from "../../services/dispatcher/stage.ts";
import { inboxStage } from "../../services/inbox/stage.ts";
import type { InboxStore } from "../../services/inbox/store.ts";
import { routers } from "../../services/router/stage.ts";
import { dueTask } from "../../services/scheduler/due.ts";
import { scheduler, tierStage } from "../../services/scheduler/stage.ts";
import type { ScheduleStore } from "../../services/scheduler/store.ts";
import { doorOf } from "../fakes/door.ts";

/** What a process has. */
export interface Ports extends Pick<Given, "log" | "ledger" | "clock" | "client" | "worker"> {
  readonly schedule: ScheduleStore;
  readonly sender: Sender;
  readonly inbox: InboxStore;
  readonly metrics: Registry;
}

interface Parts {
  // biome-ignore lint/suspicious/noExplicitAny: a stage's input is its own affair
  readonly stages: readonly Stage<any>[];
  readonly tasks?: readonly Task[];
}

export const silent = pino({ level: "silent" });
const door = doorOf({}, { isPublic: false });
const FROM = { name: "Carillon", address: "carillon@example.test" };
/** So that a delivery ends within minutes. */
const MAX_RETRIES = 2;

export const rooms = {
  router: ({ clock, client }: Ports): Parts => ({
    stages: routers({ clock, versions: versionsOf({ client, clock }), door, destinations: [] }),
  }),
  dispatcher: (ports: Ports): Parts => ({ stages: [dispatcher({ ...ports, logger: silent })] }),
  inbox: (ports: Ports): Parts => ({
    stages: [inboxStage(ports.inbox, { ...ports, fanout: memoryFanout(), logger: silent, wordsOf: wordsOf(versionsOf(ports)) })],
  }),
  email({ ledger, clock, client, worker, sender, metrics }: Ports): Parts {
    const live: Route = [integrationOf({ sender, rate: undefined, buckets: memoryBuckets({ clock }), worker, clock })];
    return {
      stages: [
        emailLoop({
          ...{ ledger, live, clock, worker, logger: silent, from: FROM, maxRetryCount: MAX_RETRIES },
          routeOf: async () => live,
          tracer: noTracer,
          metrics: deliveryMetrics(metrics, "email"),
          wordsOf: wordsOf(versionsOf({ client, clock })),
        }),
      ],
    };
  },
  scheduler({ log, clock, schedule }: Ports): Parts {
    const task = dueTask({ log, clock, store: schedule });
    return {
      stages: [scheduler({ clock, store: schedule, alarm: task }), ...tiers.map((tier) => tierStage(tier, { clock }))],
      tasks: [task],
    };
  },
} satisfies Record<string, (ports: Ports) => Parts>;

export type Room = keyof typeof rooms;
