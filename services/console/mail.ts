/** The mailbox as JSON. */
import { Problem } from "#domain/errors.ts";
import type { Route } from "#platform/rpc/route.ts";
import type { Mailbox } from "./mailbox.ts";

export const mailRoutes = (mailbox: () => Mailbox): Route[] => [
  {
    method: "GET",
    path: "/dev/mail/messages",
    async handle({ query }) {
      const limit = Number(query.get("limit") ?? 200);
      if (!Number.isInteger(limit) || limit < 1 || limit > 1_000)
        throw new Problem("INVALID_REQUEST", { violations: [{ field: "limit", description: "must be a whole number from 1 to 1000" }] });
      return {
        status: 200,
        headers: { "content-type": "application/json", "cache-control": "no-store" },
        body: JSON.stringify({ messages: await mailbox().messages(limit) }),
      };
    },
  },
  {
    method: "DELETE",
    path: "/dev/mail/messages",
    handle() {
      mailbox().empty();
      return { status: 204 };
    },
  },
];
