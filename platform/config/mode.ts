/** The setting that says how the process meets the world; the rooms that have to know share this very field. */
import { z } from "zod";

/** The environment that everybody is in in development mode. */
export const DEVELOPMENT = "development";

export const mode = z
  .enum(["development", "production"], { error: "must be development or production" })
  .default("development")
  .meta({
    description:
      "development: listens on 127.0.0.1 only, needs no key, brings its own mailbox and two people. " +
      "production: listens on any address and answers keys only.",
  });

export type Mode = z.output<typeof mode>;
