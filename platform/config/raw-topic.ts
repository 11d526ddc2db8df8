/** The setting that says whose the public door of the log is; the rooms that have to know share this very field. */
import { z } from "zod";

export const rawTopicEnvironment = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, { error: "must be lower-case words like development" })
  .default("development")
  .meta({ description: "The environment that events written straight to notifications.raw belong to." });
