/** Scheduler: everything that happens later. */
import { z } from "zod";
import { tiers } from "#domain/topics.ts";
import type { Module } from "#platform/host.ts";
import { dueTask } from "./due.ts";
import { scheduler as schedulerStage, tierStage } from "./stage.ts";
import type { ScheduleStore } from "./store.ts";

const config = z.object({});

export const scheduler: Module<z.output<typeof config>, ScheduleStore> = {
  name: "scheduler",
  config,
  build(_settings, { log, clock }, store) {
    const task = dueTask({ log, clock, store });
    return {
      stages: [schedulerStage({ clock, store, alarm: task }), ...tiers.map((tier) => tierStage(tier, { clock }))],
      tasks: [task],
    };
  },
};
