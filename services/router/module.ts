/** Router: settles what was asked and gives it a lane. */
import { z } from "zod";
import { broadcastSettings, destinationsOf } from "#platform/config/broadcast.ts";
import { demandOwners, rawTopicFields } from "#platform/config/raw-topic.ts";
import type { Module } from "#platform/host.ts";
import { rawDoor } from "#platform/raw/door.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { routers } from "./stage.ts";

const config = z.object({ ...rawTopicFields, ...broadcastSettings }).superRefine(demandOwners);

export const routerModule: Module<z.output<typeof config>> = {
  name: "router",
  uses: ["log"],
  config,
  build: (settings, given) => ({
    stages: routers({
      clock: given.clock,
      versions: versionsOf(given),
      door: rawDoor(settings, given.log),
      destinations: destinationsOf(settings),
    }),
  }),
};
