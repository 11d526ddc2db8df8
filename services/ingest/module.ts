/** Ingest: the way in, over Connect and three REST facades. */
import { z } from "zod";
import { raw } from "#domain/topics.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { broadcastSettings, destinationsOf } from "#platform/config/broadcast.ts";
import { consumerGroupId, groupOf } from "#platform/config/consumer-group.ts";
import { wholeNumber } from "#platform/config/fields.ts";
import { rawTopicFields, rawTopicFormat } from "#platform/config/raw-topic.ts";
import type { Module, Task } from "#platform/host.ts";
import { originOn } from "#platform/raw/door.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { cancelling } from "./cancel.ts";
import { Intake } from "./intake.ts";
import { rawRecords } from "./records.ts";
import { KEPT_MS, type Reservations } from "./reservations.ts";
import { eventsRoute } from "./rest/events.ts";
import { legacyRoutes } from "./rest/legacy.ts";
import { notifyRoute } from "./rest/notify.ts";
import { ingestService } from "./service.ts";
import { SendShedder } from "./shed/shedder.ts";
import { pinning } from "./templates.ts";

const FORGOTTEN_AT_ONCE = 5_000;
/** Who reads what ingest writes. */
const ROUTER = "router";

const config = z.object({
  "consumer-group-id": consumerGroupId,
  "ingest.most-lag": wholeNumber({ min: 0, max: 1_000_000_000 }).default(1_000_000).meta({
    description:
      "How many notifications may wait to be routed before sends are slowed down and, where they come faster still, told OVERLOADED. 0: any number.",
  }),
  "ingest.memory-mib": wholeNumber({ min: 8, max: 4_096 }).default(32).meta({
    description:
      "What the bodies of sends under way may hold in a process, in MiB; what is made of them takes some times that. Beyond it whoever holds most is told OVERLOADED.",
  }),
  ...rawTopicFields,
  "raw-topic.format": rawTopicFormat,
  ...broadcastSettings,
});

export const ingest: Module<z.output<typeof config>, Reservations> = {
  name: "ingest",
  services: [IngestService],
  uses: ["log", "ledger"],
  config,
  build(settings, given, reservations) {
    // Only somebody who can read the log from elsewhere has something of its being readable.
    const isReadable = settings.mode === "development" && given.log.isPublic;
    const format = settings["raw-topic.format"] ?? (isReadable ? "json" : "protobuf");
    const intake = new Intake(given, reservations, rawRecords({ format, origin: originOn(given.log, settings) }));
    const { clock, metrics } = given;
    const shedder = new SendShedder({
      ...{ clock, metrics, mostBytes: settings["ingest.memory-mib"] * 1_024 * 1_024, mostLag: settings["ingest.most-lag"] },
      lag: () => given.log.lag(groupOf(settings["consumer-group-id"], ROUTER), [raw]),
    });
    const pinned = pinning(versionsOf(given));
    return {
      rpc: (router) =>
        router.service(IngestService, ingestService({ intake, reservations, cancel: cancelling(given), pinned, clock, shedder })),
      routes: [
        ...legacyRoutes(given, shedder),
        notifyRoute(given, { destinations: destinationsOf(settings), shedder }),
        eventsRoute(given, shedder),
      ],
      shedders: [shedder],
      tasks: forgetting(reservations, clock),
    };
  },
};

function forgetting({ forget }: Reservations, clock: Clock): Task[] {
  if (!forget) return [];
  return [
    {
      name: "forget-reservations",
      async run(signal) {
        while (!signal.aborted) {
          const forgotten = await forget(clock.nowMs() - KEPT_MS, FORGOTTEN_AT_ONCE);
          await clock.sleep(forgotten === FORGOTTEN_AT_ONCE ? 100 : 60_000, signal);
        }
      },
    },
  ];
}
