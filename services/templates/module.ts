/** Templates: the words of notifications, in versions. */
import { z } from "zod";
import { TemplatesService } from "#gen/carillon/templates/v1/templates_pb.ts";
import type { Module } from "#platform/host.ts";
import { templatesService } from "./service.ts";
import type { TemplateStore } from "./store.ts";

export const templates: Module<unknown, TemplateStore> = {
  name: "templates",
  services: [TemplatesService],
  config: z.object({}),
  build: (_settings, { clock }, store) => ({ rpc: (router) => router.service(TemplatesService, templatesService(store, clock)) }),
};
