/** The settings of email delivery. */
import { z } from "zod";
import { normaliseEmail } from "#domain/channels/email.ts";
import { variableOf } from "#platform/config/config.ts";
import { flag, port, secret, wholeNumber } from "#platform/config/fields.ts";
import { mode } from "#platform/config/mode.ts";
import type { Mailbox } from "./sender.ts";

const FROM = "Carillon <notifications@carillon.localhost>";

/** "Name <address>", or an address alone. A name is plain text: quotes, brackets and control characters are refused. */
function mailboxOf(text: string): Mailbox | undefined {
  const [, name = "", bracketed, bare = ""] = /^(?:([^<>"\p{Cc}]*?)\s*<([^<>]+)>|([^<>\s]+))$/u.exec(text.trim()) ?? [];
  const address = normaliseEmail(bracketed ?? bare);
  return address === undefined ? undefined : { name, address };
}

const fields = z.object({
  mode,
  "email.provider": z
    .enum(["smtp", "null"], { error: "must be smtp or null" })
    .default("smtp")
    .meta({ description: "Who sends mails. null takes everything at once and sends nothing: for benchmarks." }),
  "email.smtp-host": z.string().optional().meta({
    description: "The SMTP server. Without one: in development the built-in mailbox; in production mails wait until there is one.",
  }),
  "email.smtp-port": port()
    .optional()
    .meta({ description: "Its port; without one 587, which is for submission. 465 with email.smtp-tls=implicit." }),
  "email.smtp-username": z.string().optional().meta({ description: "For a server that wants one." }),
  "email.smtp-password": secret().optional().meta({ description: "For a server that wants one." }),
  "email.smtp-tls": z
    .enum(["opportunistic", "required", "implicit", "off"], { error: "must be opportunistic, required, implicit or off" })
    .optional()
    .meta({
      description:
        "opportunistic: STARTTLS when offered, with any certificate. required: STARTTLS with a valid certificate, or nothing is sent. " +
        "implicit: TLS from the first byte. off: never. Default: required with a username, else opportunistic.",
    }),
  "email.concurrency": wholeNumber({ min: 1, max: 1_000 })
    .default(20)
    .meta({
      description:
        "Connections to the SMTP server, and mails under way at the same time, at most. As many again while the server takes longer than " +
        "12 s to answer mails that it has.",
    }),
  "email-consumer-enabled": flag()
    .default(true)
    .meta({ description: "false: this process sends no mails, which wait in the log for one that does." }),
  "from-email": z
    .string()
    .default(FROM)
    .transform((text, context) => {
      const mailbox = mailboxOf(text);
      if (mailbox) return mailbox;
      context.addIssue({ code: "custom", message: "must be an address, or a name and an address, like Carillon <hello@example.com>" });
      return z.NEVER;
    })
    .meta({ description: "The sender of mails." }),
  "max-retry-count": wholeNumber({ min: 0, max: 10 })
    .default(3)
    .meta({ description: "Retries after the first try of a delivery that was refused for now: after 5 s, 1 m, 10 m, then 1 h each." }),
});

const HOST = "email.smtp-host";
const USERNAME = "email.smtp-username";
const PASSWORD = "email.smtp-password";

/** Without a server these would be accepted in silence, and mails would go to the development mailbox. */
const ofTheServer = ["email.smtp-port", USERNAME, PASSWORD, "email.smtp-tls"] as const;

export const settings = fields.superRefine((given, context) => {
  const wants = (key: keyof typeof given, other: string) =>
    context.addIssue({ code: "custom", path: [key], message: `must come with ${variableOf(other)}, which is not set` });
  if (given[HOST] === undefined) {
    for (const key of ofTheServer) if (given[key] !== undefined) wants(key, HOST);
  } else if (given[USERNAME] === undefined && given[PASSWORD] !== undefined) wants(PASSWORD, USERNAME);
  else if (given[PASSWORD] === undefined && given[USERNAME] !== undefined) wants(USERNAME, PASSWORD);
});

export type EmailSettings = z.output<typeof settings>;
