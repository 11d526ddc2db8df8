/** Router: settles what was asked and gives it a lane. */
import { z } from "zod";
import type { Module } from "#platform/host.ts";
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
  build: (settings, { clock }) => ({ stages: [router({ clock, environment: settings["raw-topic.environment"] })] }),
};
