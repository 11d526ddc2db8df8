/** The secret that the modules of one installation share, where they run in several processes; the modules that need it share this field. */
import type { z } from "zod";
import { secret } from "./fields.ts";

const shared = () => secret().refine((text) => text.length >= 32, { error: "must have at least 32 characters" });

export const serviceSecret = shared()
  .optional()
  .meta({
    description:
      "What all processes of a mesh share: they know each other by it, and it signs the gateway's tokens and what ingest writes to " +
      "notifications.raw. Without one a process makes its own, beside its data, and can be no part of a mesh.",
  });

export const otherServiceSecret = shared()
  .optional()
  .meta({
    description:
      "A second secret that is believed, and never used to sign: while service-secret is changed without a standstill, first the one that " +
      "is to come, then the one that was. docs/mesh.md has the steps.",
  });

export type ServiceSecret = z.output<typeof serviceSecret>;
