/** The setting that says where a broadcast goes; the rooms that take one share this very field. */
import { z } from "zod";
import { type Destination, destination } from "#platform/shapes/broadcast.ts";

export const broadcastDestinations = z
  .string()
  .default("email:everyone@example.test,web:ann")
  .transform((text) => text.split(",").map((each) => each.trim()))
  .refine((all) => all.every((each) => destination(each) !== undefined), { error: "must be like email:team@example.com,web:ann" })
  .transform((all) => all.map((each) => destination(each) as Destination))
  .meta({ description: 'Where POST /notify and {"message": …} on a raw topic go: channel:recipient, separated by commas.' });
