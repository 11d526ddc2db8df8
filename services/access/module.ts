/** Access: who may call, and in which environment. What it answers with at the door is authenticate.ts. */
import { z } from "zod";
import { AccessService } from "#gen/carillon/access/v1/access_pb.ts";
import { mode } from "#platform/config/mode.ts";
import type { Module } from "#platform/host.ts";
import { seedDevelopmentEnvironment } from "./first.ts";
import { accessService } from "./service.ts";
import type { AccessStore } from "./store.ts";

const config = z.object({ mode });

export const access: Module<z.output<typeof config>, AccessStore> = {
  name: "access",
  services: [AccessService],
  config,
  async build(settings, given, store) {
    if (settings.mode === "development") await seedDevelopmentEnvironment(store, given.clock);
    return { rpc: (router) => router.service(AccessService, accessService(store, given)) };
  },
};
