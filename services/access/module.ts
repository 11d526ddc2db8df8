/** Access: who may call, and in which environment. What it answers with at the door is authenticate.ts. */
import { z } from "zod";
import { AccessService } from "#gen/carillon/access/v1/access_pb.ts";
import type { Module } from "#platform/host.ts";
import { accessService } from "./service.ts";
import type { AccessStore } from "./store.ts";

const config = z.object({});

export const access: Module<z.output<typeof config>, AccessStore> = {
  name: "access",
  config,
  build: (_settings, given, store) => ({ rpc: (router) => router.service(AccessService, accessService(store, given)) }),
};
