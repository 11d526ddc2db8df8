/** Scheduler: everything that happens later. */
import { z } from "zod";
import { tiers } from "#domain/topics.ts";
import type { Module } from "#platform/host.ts";
import { gauge, lookUp } from "#platform/telemetry/metric.ts";
import { dueTask } from "./due.ts";
import { scheduler as schedulerStage, tierStage } from "./stage.ts";
import type { ScheduleStore } from "./store.ts";

const config = z.object({});

const overdueSeconds = gauge({
  name: "carillon_schedule_overdue_seconds",
  help: "For how long the first of the stored waits has been due; 0: none is.",
  labels: {},
});

export const scheduler: Module<z.output<typeof config>, ScheduleStore> = {
  name: "scheduler",
  uses: ["log"],
  config,
  build(_settings, { log, clock, metrics }, store) {
    lookUp(overdueSeconds, metrics, async () => {
      const nowMs = clock.nowMs();
      return [{ labels: {}, value: Math.max(0, nowMs - ((await store.nextDueMs()) ?? nowMs)) / 1_000 }];
    });
    const task = dueTask({ log, clock, store });
    return {
      stages: [schedulerStage({ clock, store, alarm: task }), ...tiers.map((tier) => tierStage(tier, { clock }))],
      tasks: [task],
    };
  },
};
