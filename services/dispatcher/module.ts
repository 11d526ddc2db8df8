/** Dispatcher: decides for each recipient which channels are used, and why. */
import { z } from "zod";
import type { Module } from "#platform/host.ts";
import { dispatcher } from "./stage.ts";

export const dispatcherModule: Module = {
  name: "dispatcher",
  config: z.object({}),
  build: (_settings, given) => ({ stages: [dispatcher(given)] }),
};
