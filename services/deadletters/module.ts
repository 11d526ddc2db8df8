/** Dead letters: what could not be carried through, to read, to replay, to discard. */
import { z } from "zod";
import { DeadLettersService } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { wholeNumber } from "#platform/config/fields.ts";
import { demandOwners, rawTopicFields } from "#platform/config/raw-topic.ts";
import type { Module } from "#platform/host.ts";
import { rawDoor } from "#platform/raw/door.ts";
import { sweeping } from "#platform/sweep.ts";
import { letterMetrics } from "./metrics.ts";
import { puttingBack } from "./put-back.ts";
import { replaying } from "./replaying.ts";
import { deadLettersService } from "./service.ts";
import { deadLettersStage } from "./stage.ts";
import type { DeadLetterStore } from "./store.ts";

const DAY_MS = 24 * 3_600_000;

const fields = z.object({
  ...rawTopicFields,
  "dead-letters.retention-days": wholeNumber({ min: 1, max: 3_650 })
    .default(30)
    .meta({ description: "How long dead letters are kept, in days." }),
});
const config = fields.superRefine(demandOwners);

export const deadLetters: Module<z.output<typeof config>, DeadLetterStore> = {
  name: "deadletters",
  services: [DeadLettersService],
  uses: ["log", "ledger"],
  config,
  build(settings, given, store) {
    const { clock } = given;
    const door = rawDoor(settings, given.log);
    const putBack = puttingBack({ ...given, door });
    const metrics = letterMetrics(given.metrics);
    const { task, wake } = replaying({ ...given, store, putBack, metrics });
    const service = deadLettersService(store, { ...given, door, putBack, metrics, created: wake });
    const keptMs = settings["dead-letters.retention-days"] * DAY_MS;
    return {
      rpc: (router) => router.service(DeadLettersService, service),
      stages: [deadLettersStage(store, door)],
      tasks: [
        task,
        sweeping({ name: "forget-dead-letters", store, clock, keptMs }),
        sweeping({ name: "forget-replays", store: { sweep: store.sweepReplays }, clock, keptMs }),
      ],
    };
  },
};
