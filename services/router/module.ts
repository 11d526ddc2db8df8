/** Router: settles what was asked and gives it a lane. */
import { z } from "zod";
import { rawTopicEnvironment } from "#platform/config/raw-topic.ts";
import type { Module } from "#platform/host.ts";
import { router } from "./stage.ts";

const config = z.object({ "raw-topic.environment": rawTopicEnvironment });

export const routerModule: Module<z.output<typeof config>> = {
  name: "router",
  config,
  build: (settings, { clock }) => ({ stages: [router({ clock, environment: settings["raw-topic.environment"] })] }),
};
