/** The real rooms, as processes run them: stages and tasks over the ports that a process has. */
import { pino } from "pino";
import type { Registry } from "prom-client";
import { tiers } from "#domain/topics.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import type { Given, Task } from "#platform/host.ts";
import type { Breakers } from "#platform/limits/breaker.ts";
import type { Buckets, Rate } from "#platform/limits/bucket.ts";
import { wordsOf } from "#platform/render/content.ts";
import { versionsOf } from "#platform/render/versions.ts";
import type { Stage } from "#platform/stage/stage.ts";
import { deliveryMetrics } from "#platform/telemetry/deliveries.ts";
import { noTracer } from "#platform/telemetry/trace.ts";
import { letterMetrics } from "../../services/deadletters/metrics.ts";
import { puttingBack } from "../../services/deadletters/put-back.ts";
import { replaying } from "../../services/deadletters/replaying.ts";
import { deadLettersStage } from "../../services/deadletters/stage.ts";
import type { DeadLetterStore } from "../../services/deadletters/store.ts";
import { watching } from "../../services/delivery/breaker.ts";
import { integrationOf, type Route } from "../../services/delivery/integration.ts";
import { emailLoop } from "../../services/delivery/loop.ts";
import type { Sender } from "../../services/delivery/sender.ts";
import { dispatcher } from "../../services/dispatcher/stage.ts";
import { inboxStage } from "../../services/inbox/stage.ts";
import type { InboxStore } from "../../services/inbox/store.ts";
import { erasing } from "../../services/preferences/erasing.ts";
import type { PreferenceStore } from "../../services/preferences/store.ts";
import type { SuppressionStore } from "../../services/preferences/suppressions.ts";
import { routers } from "../../services/router/stage.ts";
import { dueTask } from "../../services/scheduler/due.ts";
import { scheduler, tierStage } from "../../services/scheduler/stage.ts";
import type { ScheduleStore } from "../../services/scheduler/store.ts";
import { trackerStage } from "../../services/tracker/stage.ts";
import type { HistoryStore } from "../../services/tracker/store.ts";
import { doorOf } from "../fakes/door.ts";

/** What a process has. */
export interface Ports extends Pick<Given, "log" | "ledger" | "clock" | "client" | "worker"> {
  readonly schedule: ScheduleStore;
  /** In order of preference. */
  readonly providers: readonly Provider[];
  readonly buckets: Buckets;
  readonly breakers: Breakers;
  readonly maxRetryCount: number;
  readonly inbox: InboxStore;
  readonly history: HistoryStore;
  readonly letters: DeadLetterStore;
  readonly people: PreferenceStore;
  readonly suppressions: SuppressionStore;
  readonly metrics: Registry;
}

interface Provider {
  readonly sender: Sender;
  readonly rate: Rate | undefined;
}

interface Parts {
  // biome-ignore lint/suspicious/noExplicitAny: a stage's input is its own affair
  readonly stages: readonly Stage<any>[];
  readonly tasks?: readonly Task[];
}

export const silent = pino({ level: "silent" });
export const door = doorOf({}, { isPublic: false });
const FROM = { name: "Carillon", address: "carillon@example.test" };

export const rooms = {
  router: ({ clock, client }: Ports): Parts => ({
    stages: routers({ clock, versions: versionsOf({ client, clock }), door, destinations: [] }),
  }),
  dispatcher: (ports: Ports): Parts => ({ stages: [dispatcher({ ...ports, logger: silent })] }),
  inbox: (ports: Ports): Parts => ({
    stages: [inboxStage(ports.inbox, { ...ports, fanout: memoryFanout(), logger: silent, wordsOf: wordsOf(versionsOf(ports)) })],
  }),
  email({ ledger, clock, client, worker, providers, buckets, breakers, maxRetryCount, metrics }: Ports): Parts {
    const nothing = () => undefined;
    const guard = { breakers, logger: silent, changed: nothing, known: nothing };
    const live = providers.map((each) => integrationOf({ ...each, guard, buckets, worker, clock })) as readonly unknown[] as Route;
    const guarded = live.map(({ breaker }) => breaker);
    return {
      tasks: [watching(breakers, guarded, clock)],
      stages: [
        emailLoop({
          ...{ ledger, live, clock, worker, logger: silent, from: FROM, maxRetryCount },
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
  tracker: ({ history, ledger }: Ports): Parts => ({ stages: [trackerStage(history, memoryFanout(), ledger)] }),
  deadletters(ports: Ports): Parts {
    const { letters: store, clock, worker, metrics } = ports;
    const needs = { store, clock, worker, logger: silent, putBack: puttingBack({ ...ports, door }), metrics: letterMetrics(metrics) };
    return { stages: [deadLettersStage(store, door)], tasks: [replaying(needs).task] };
  },
  preferences: (ports: Ports): Parts => ({ stages: [], tasks: [erasing({ ...ports, logger: silent }).task] }),
} satisfies Record<string, (ports: Ports) => Parts>;

export type Room = keyof typeof rooms;
