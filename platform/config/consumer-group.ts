/** The setting that names consumer groups, and the group that a stage reads by. The rooms that have to know share this very field. */
import { z } from "zod";

export const consumerGroupId = z
  .string()
  .regex(/^[A-Za-z0-9._-]{0,100}$/, { error: "must be at most 100 letters, digits, dots, dashes and underscores" })
  .default("")
  .meta({
    description: "Stands before the name of every consumer group, with a dot. Another one reads the log from its beginning once more.",
  });

export const groupOf = (prefix: string, stage: string): string => (prefix === "" ? stage : `${prefix}.${stage}`);
