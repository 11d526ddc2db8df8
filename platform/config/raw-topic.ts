/**
 * The setting that says whose the public door of the log is; the rooms that have to know share this very field. Undefined: only ingest
 * writes there, for every environment, and its records' keys say which.
 */
import { z } from "zod";

export const rawTopicEnvironment = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, { error: "must be lower-case words like development" })
  .optional()
  .meta({
    description:
      "The environment that everything on notifications.raw belongs to, where others than this service write to it; " +
      "without one it is ingest's alone, for every environment.",
  });
