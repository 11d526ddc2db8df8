/** Router: settles what was asked and gives it a lane. */
import { z } from "zod";
import type { Module } from "#platform/host.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { router } from "./stage.ts";

const config = z.object({
  "raw-topic.environment": z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, { error: "must be lower-case words like development" })
    .default("development")
    .meta({ description: "The environment that events written straight to notifications.raw belong to." }),
});

export const routerModule: Module<z.output<typeof config>> = {
  name: "router",
  config,
  build: (settings, given) => ({
    stages: [router({ clock: given.clock, versions: versionsOf(given), environment: settings["raw-topic.environment"] })],
  }),
};
