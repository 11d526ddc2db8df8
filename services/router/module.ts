/** Router: settles what was asked and gives it a lane. */
import { z } from "zod";
import { rawTopicEnvironment } from "#platform/config/raw-topic.ts";
import type { Module } from "#platform/host.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { router } from "./stage.ts";

const config = z.object({ "raw-topic.environment": rawTopicEnvironment });

export const routerModule: Module<z.output<typeof config>> = {
  name: "router",
  uses: ["log"],
  config,
  build: (settings, given) => ({
    stages: [router({ clock: given.clock, versions: versionsOf(given), environment: settings["raw-topic.environment"] })],
  }),
};
