/** Dispatcher: decides for each recipient which channels are used, and why. */
import { z } from "zod";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { flag } from "#platform/config/fields.ts";
import type { Module } from "#platform/host.ts";
import { dispatcher } from "./stage.ts";

const config = z.object({
  "email-producer-enabled": flag()
    .default(true)
    .meta({ description: "false: no emails are queued; decisions and Explain say that the channel is switched off." }),
});

export const dispatcherModule: Module<z.output<typeof config>> = {
  name: "dispatcher",
  uses: ["log", "ledger"],
  config,
  build: (settings, given) => ({ stages: [dispatcher(given, settings["email-producer-enabled"] ? [] : [Channel.EMAIL])] }),
};
