/** Tracker: what happened to each notification, and why. */
import { z } from "zod";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { wholeNumber } from "#platform/config/fields.ts";
import type { Module } from "#platform/host.ts";
import { sweeping } from "#platform/sweep.ts";
import { DAY_MS } from "./days.ts";
import { recounting } from "./recount.ts";
import { trackerService } from "./service.ts";
import { trackerStage } from "./stage.ts";
import type { HistoryStore } from "./store.ts";

const config = z.object({
  "history.retention-days": wholeNumber({ min: 1, max: 3_650 })
    .default(365)
    .meta({ description: "How long the history of a notification is kept, in days from when it was accepted or, if later, its send_at." }),
  "watch.limit": wholeNumber({ max: 100_000 })
    .default(1_000)
    .meta({ description: "How many WatchNotification streams this process holds at once; more are refused (RESOURCE_EXHAUSTED)." }),
});

export const tracker: Module<z.output<typeof config>, HistoryStore> = {
  name: "tracker",
  services: [TrackerService],
  uses: ["log", "ledger", "fanout"],
  config,
  build(settings, given, store) {
    const { clock } = given;
    const { sweep, recount } = store;
    const keptMs = settings["history.retention-days"] * DAY_MS;
    // One for all doors, since they share its watchers' places.
    const service = trackerService(store, given, { mostWatchers: settings["watch.limit"] });
    return {
      rpc: (router) => router.service(TrackerService, service),
      stages: [trackerStage(store, given.fanout, given.ledger)],
      tasks: [
        ...(sweep ? [sweeping({ name: "forget-history", store: { sweep }, clock, keptMs })] : []),
        ...(recount ? [recounting({ recount, clock })] : []),
      ],
    };
  },
};
