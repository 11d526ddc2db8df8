/** The mailbox over HTTP: as JSON, and one mail's HTML for a frame that may run nothing and fetch nothing. */
import { notFound, Problem } from "#domain/errors.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Route } from "#platform/rpc/route.ts";
import type { Boxes } from "./box.ts";

/** Mails bring their own styles and whatever scripts they like; `sandbox` holds also where somebody opens the address by itself. */
const MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

/** Under `/dev/mail` or `/mailbox`. A key reads what its own environment was sent. */
export const mailRoutes = (boxOf: Boxes, path: string): Route[] => [
  {
    method: "GET",
    path: `${path}/messages`,
    scope: Scope.READ,
    async handle({ query, headers, environment }) {
      const limit = Number(query.get("limit") ?? 200);
      if (!Number.isInteger(limit) || limit < 1 || limit > 1_000)
        throw new Problem("INVALID_REQUEST", { violations: [{ field: "limit", description: "must be a whole number from 1 to 1000" }] });
      // Before the mails: what comes in between is then told at the next read.
      const etag = `"${await boxOf(environment).version()}"`;
      if (headers.get("if-none-match") === etag) return { status: 304, headers: { etag } };
      const to = query.get("to");
      return {
        status: 200,
        headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store", etag },
        body: JSON.stringify({ messages: await boxOf(environment).messages({ limit, ...(to && { to }) }) }),
      };
    },
  },
  {
    method: "GET",
    path: `${path}/messages/:id/html`,
    scope: Scope.READ,
    async handle({ params, environment }) {
      const message = await boxOf(environment).message(params.id as string);
      if (!message) throw notFound(`mail "${params.id}"`, "in this mailbox");
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
    path: `${path}/messages`,
    scope: Scope.ADMIN,
    async handle({ environment }) {
      await boxOf(environment).empty();
      return { status: 204 };
    },
  },
];
