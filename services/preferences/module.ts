/** Preferences: people, where they can be reached, and what they want to hear. */
import { z } from "zod";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Module } from "#platform/host.ts";
import { preferencesService } from "./service.ts";
import type { PreferenceStore } from "./store.ts";

const config = z.object({});

export const preferences: Module<z.output<typeof config>, PreferenceStore> = {
  name: "preferences",
  config,
  build: (_settings, { clock }, store) => ({ rpc: (router) => router.service(PreferencesService, preferencesService(store, clock)) }),
};
