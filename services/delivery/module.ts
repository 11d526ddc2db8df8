/** Email workers: deliveries of the email lanes in, mails out. */
import type { Clock } from "#platform/clock.ts";
import type { Module } from "#platform/host.ts";
import { wordsOf } from "#platform/render/content.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { deliveryMetrics } from "#platform/telemetry/deliveries.ts";
import { choosing } from "./choose.ts";
import { emailLoop } from "./loop.ts";
import { type Keep, mailboxSender } from "./providers/email/mailbox.ts";
import { noSender } from "./providers/email/none.ts";
import { nullSender } from "./providers/email/null.ts";
import { smtpSender } from "./providers/email/smtp.ts";
import type { Sender } from "./sender.ts";
import { type EmailSettings, settings } from "./settings.ts";

const SUBMISSION_PORT = 587;

export interface EmailNeeds {
  /** Where development's mails go when no server is named; undefined: then they wait for one. */
  readonly developmentMailbox: () => { readonly host: string; readonly port: number } | undefined;
}

/** The built-in mailbox of a test environment. */
type Boxes = (environment: string) => { readonly keep: Keep };

export const emailWorkers = (needs: EmailNeeds): Module<EmailSettings, Boxes> => ({
  name: "email-workers",
  uses: ["log", "ledger"],
  config: settings,
  build(config, given, boxes) {
    const { ledger, clock, logger, metrics, tracer, worker, client } = given;
    const sender = senderOf(config, needs, clock);
    if (sender.id === "none") logger.warn("no SMTP server is configured: mails of live environments wait until one is");
    const loop = emailLoop({
      ...{ ledger, sender, clock, tracer, worker },
      senderOf: choosing({
        ...{ mode: config.mode, configured: sender, client },
        mailboxOf: (environment) => mailboxSender((post) => boxes(environment).keep(post)),
      }),
      logger: logger.child({ stage: "email-workers" }),
      metrics: deliveryMetrics(metrics, "email"),
      wordsOf: wordsOf(versionsOf(given)),
      from: config["from-email"],
      maxRetryCount: config["max-retry-count"],
    });
    return { stages: config["email-consumer-enabled"] ? [loop] : [], close: () => sender.close() };
  },
});

function senderOf(config: EmailSettings, { developmentMailbox }: EmailNeeds, clock: Clock): Sender {
  if (config["email.provider"] === "null") return nullSender();
  const connections = config["email.concurrency"];
  const host = config["email.smtp-host"];
  if (host === undefined) {
    const mailbox = developmentMailbox();
    return mailbox ? smtpSender({ ...mailbox, tls: "off", connections, clock }) : noSender();
  }
  const username = config["email.smtp-username"];
  const password = config["email.smtp-password"];
  return smtpSender({
    ...{ host, port: config["email.smtp-port"] ?? SUBMISSION_PORT, connections, clock },
    // A password is not to be had by whoever strips STARTTLS from the server's greeting.
    tls: config["email.smtp-tls"] ?? (username === undefined ? "opportunistic" : "required"),
    ...(username !== undefined && password !== undefined && { credentials: { username, password } }),
  });
}
