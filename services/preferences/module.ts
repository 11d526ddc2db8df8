/** Preferences: people, where they can be reached, and what they want to hear. */
import { z } from "zod";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { mode } from "#platform/config/mode.ts";
import type { Module } from "#platform/host.ts";
import { seedDevelopment } from "./development.ts";
import { preferencesService } from "./service.ts";
import type { PreferenceStore } from "./store.ts";

const config = z.object({ mode });

export const preferences: Module<z.output<typeof config>, PreferenceStore> = {
  name: "preferences",
  services: [PreferencesService],
  config,
  async build(settings, { clock }, store) {
    if (settings.mode === "development") await seedDevelopment(store, clock);
    return { rpc: (router) => router.service(PreferencesService, preferencesService(store, clock)) };
  },
};
