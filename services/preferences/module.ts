/** Preferences: people, where they can be reached, what they want to hear, and to whom nothing is sent. */
import { z } from "zod";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { mode } from "#platform/config/mode.ts";
import type { Module } from "#platform/host.ts";
import { sweeping } from "#platform/sweep.ts";
import type { CategoryStore } from "./categories.ts";
import { seedDevelopment } from "./development.ts";
import { erasing } from "./erasing.ts";
import { preferencesService } from "./service.ts";
import type { PreferenceStore } from "./store.ts";
import type { SuppressionStore } from "./suppressions.ts";

/** Who was taken off the suppression list. Far longer than the ledger remembers it. */
const REMOVED_KEPT_MS = 24 * 3_600_000;

const config = z.object({ mode });

export interface PreferenceStores {
  readonly people: PreferenceStore;
  readonly categories: CategoryStore;
  readonly suppressions: SuppressionStore;
}

export const preferences: Module<z.output<typeof config>, PreferenceStores> = {
  name: "preferences",
  services: [PreferencesService],
  uses: ["ledger"],
  config,
  async build(settings, given, { people, categories, suppressions }) {
    const { clock } = given;
    if (settings.mode === "development") await seedDevelopment(people, clock);
    const erasure = erasing({ ...given, people, suppressions });
    return {
      rpc: (router) =>
        router.service(PreferencesService, preferencesService({ ...given, people, categories, suppressions, erase: erasure.erase })),
      tasks: [erasure.task, sweeping({ name: "forget-removed-suppressions", store: suppressions, clock, keptMs: REMOVED_KEPT_MS })],
    };
  },
};
