/** The mailbox over HTTP: as JSON, and one mail's HTML for a frame that may run nothing and fetch nothing. */
import { Problem } from "#domain/errors.ts";
import type { Route } from "#platform/rpc/route.ts";
import type { Mailbox } from "./mailbox.ts";

/** Mails bring their own styles and whatever scripts they like; `sandbox` holds also where somebody opens the address by itself. */
const MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

export const mailRoutes = (mailbox: () => Mailbox): Route[] => [
  {
    method: "GET",
    path: "/dev/mail/messages",
    async handle({ query, headers }) {
      const limit = Number(query.get("limit") ?? 200);
      if (!Number.isInteger(limit) || limit < 1 || limit > 1_000)
        throw new Problem("INVALID_REQUEST", { violations: [{ field: "limit", description: "must be a whole number from 1 to 1000" }] });
      const etag = `"${mailbox().version()}"`;
      if (headers.get("if-none-match") === etag) return { status: 304, headers: { etag } };
      const to = query.get("to");
      return {
        status: 200,
        headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store", etag },
        body: JSON.stringify({ messages: await mailbox().messages({ limit, ...(to && { to }) }) }),
      };
    },
  },
  {
    method: "GET",
    path: "/dev/mail/messages/:id/html",
    async handle({ params }) {
      const message = await mailbox().message(params.id as string);
      if (!message) throw new Problem("NOT_FOUND");
      return {
        status: 200,
        headers: {
          "content-type": "text/html; charset=utf-8",
          "cache-control": "no-store",
          "content-security-policy": MAIL_POLICY,
          "referrer-policy": "no-referrer",
        },
        body: message.html,
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
