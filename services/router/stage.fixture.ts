/** The router as its tests want it: on a log that others write to, whose records are the development environment's. */
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { doorOf } from "../../test/fakes/door.ts";
import { withoutTemplates } from "../../test/fakes/templates.ts";
import { type Needs, routers } from "./stage.ts";

export const destinations = [
  { channel: Channel.EMAIL, to: "everyone@example.test" },
  { channel: Channel.WEB, to: "ann" },
];

type Stages = ReturnType<typeof routers>;

export const routersOf = (clock: Clock, needs: Partial<Needs> = {}): Stages =>
  routers({ clock, versions: withoutTemplates(clock), door: doorOf(), destinations, ...needs });

/** The one of notifications.raw. */
export const routerOf = (clock: Clock, needs: Partial<Needs> = {}): Stages[0] => routersOf(clock, needs)[0] as Stages[0];
