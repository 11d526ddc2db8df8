/** The settings that say where a broadcast goes; the rooms that take one share these very fields. */
import { z } from "zod";
import { type Destination, destination } from "#platform/shapes/broadcast.ts";
import { mode } from "./mode.ts";

/** Its own mailbox, and one of its two people. */
const DEVELOPMENT = ["email:everyone@example.test", "web:ann"];

const destinationsIn = (texts: readonly string[]) => texts.map((each) => destination(each) as Destination);

const destinations = z
  .string()
  .transform((text) => text.split(",").map((each) => each.trim()))
  .refine((all) => all.every((each) => destination(each) !== undefined), { error: "must be like email:team@example.com,web:ann" })
  .transform(destinationsIn)
  .optional()
  .meta({
    description:
      'Where POST /notify and {"message": …} on a raw topic go: channel:recipient, separated by commas. Left out: ' +
      `${DEVELOPMENT.join(",")} in development mode; in production nowhere, and they are refused.`,
  });

export const broadcastSettings = { mode, "broadcast.destinations": destinations };

/** Empty: a broadcast is refused. */
export const destinationsOf = (settings: z.output<z.ZodObject<typeof broadcastSettings>>): readonly Destination[] =>
  settings["broadcast.destinations"] ?? (settings.mode === "development" ? destinationsIn(DEVELOPMENT) : []);
