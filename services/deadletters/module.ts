/** Dead letters: what could not be carried through, to read, to replay, to discard. */
import { z } from "zod";
import { DeadLettersService } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { wholeNumber } from "#platform/config/fields.ts";
import { rawTopicEnvironment } from "#platform/config/raw-topic.ts";
import type { Module } from "#platform/host.ts";
import { sweeping } from "#platform/sweep.ts";
import { deadLettersService } from "./service.ts";
import { deadLettersStage } from "./stage.ts";
import type { DeadLetterStore } from "./store.ts";

const DAY_MS = 24 * 3_600_000;

const config = z.object({
  "raw-topic.environment": rawTopicEnvironment,
  "dead-letters.retention-days": wholeNumber({ min: 1, max: 3_650 })
    .default(30)
    .meta({ description: "How long dead letters are kept, in days." }),
});

export const deadLetters: Module<z.output<typeof config>, DeadLetterStore> = {
  name: "deadletters",
  services: [DeadLettersService],
  uses: ["log"],
  config,
  build: (settings, given, store) => ({
    rpc: (router) => router.service(DeadLettersService, deadLettersService(store, given)),
    stages: [deadLettersStage(store, settings["raw-topic.environment"])],
    tasks: [sweeping({ name: "forget-dead-letters", store, clock: given.clock, keptMs: settings["dead-letters.retention-days"] * DAY_MS })],
  }),
};
