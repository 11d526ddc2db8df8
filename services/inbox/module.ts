/** Inbox: the web channel. */
import { z } from "zod";
import { InboxService } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import type { Module } from "#platform/host.ts";
import { wordsOf } from "#platform/render/content.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { inboxService } from "./service.ts";
import { inboxStage } from "./stage.ts";
import type { InboxStore } from "./store.ts";

export const inbox: Module<unknown, InboxStore> = {
  name: "inbox",
  services: [InboxService],
  uses: ["log", "ledger", "fanout"],
  config: z.object({}),
  build: (_settings, given, store) => ({
    rpc: (router) => router.service(InboxService, inboxService(store)),
    stages: [inboxStage(store, { ...given, wordsOf: wordsOf(versionsOf(given)) })],
  }),
};
