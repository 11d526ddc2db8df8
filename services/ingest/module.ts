/** Ingest: the way in, over Connect and three REST facades. */
import { z } from "zod";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Module, Task } from "#platform/host.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { cancelling } from "./cancel.ts";
import { Intake } from "./intake.ts";
import { KEPT_MS, type Reservations } from "./reservations.ts";
import { eventsRoute } from "./rest/events.ts";
import { legacyRoutes } from "./rest/legacy.ts";
import { type Destination, destination, notifyRoute } from "./rest/notify.ts";
import { ingestService } from "./service.ts";
import { pinning } from "./templates.ts";

const FORGOTTEN_AT_ONCE = 5_000;

const config = z.object({
  "broadcast.destinations": z
    .string()
    .default("email:everyone@example.test,web:ann")
    .transform((text) => text.split(",").map((each) => each.trim()))
    .refine((all) => all.every((each) => destination(each) !== undefined), { error: "must be like email:team@example.com,web:ann" })
    .transform((all) => all.map((each) => destination(each) as Destination))
    .meta({ description: "Where POST /notify goes: channel:recipient, separated by commas." }),
});

export const ingest: Module<z.output<typeof config>, Reservations> = {
  name: "ingest",
  services: [IngestService],
  uses: ["log", "ledger"],
  config,
  build(settings, given, reservations) {
    const intake = new Intake(given, reservations);
    const { clock } = given;
    const pinned = pinning(versionsOf(given));
    return {
      rpc: (router) => router.service(IngestService, ingestService({ intake, reservations, cancel: cancelling(given), pinned, clock })),
      routes: [...legacyRoutes(given), notifyRoute(given, settings["broadcast.destinations"]), eventsRoute(given)],
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
