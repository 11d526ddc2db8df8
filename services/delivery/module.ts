/** Email workers: deliveries of the email lanes in, mails out. */
import { ConfigProblem, variableOf } from "#platform/config/config.ts";
import type { Module } from "#platform/host.ts";
import { wordsOf } from "#platform/render/content.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { deliveryMetrics } from "#platform/telemetry/deliveries.ts";
import { emailLoop } from "./loop.ts";
import { nullSender } from "./providers/email/null.ts";
import { smtpSender } from "./providers/email/smtp.ts";
import type { Sender } from "./sender.ts";
import { type EmailSettings, settings } from "./settings.ts";

const SUBMISSION_PORT = 587;

export interface EmailNeeds {
  /** Where mails go when no server is named; undefined: then one has to be named. */
  readonly developmentMailbox: () => { readonly host: string; readonly port: number } | undefined;
}

export const emailWorkers = (needs: EmailNeeds): Module<EmailSettings> => ({
  name: "email-workers",
  config: settings,
  build(config, given) {
    const { ledger, clock, logger, metrics, tracer, worker } = given;
    const sender = senderOf(config, needs);
    const loop = emailLoop({
      ...{ ledger, sender, clock, tracer, worker },
      logger: logger.child({ stage: "email-workers" }),
      metrics: deliveryMetrics(metrics, "email"),
      wordsOf: wordsOf(versionsOf(given)),
      from: config["from-email"],
      maxRetryCount: config["max-retry-count"],
    });
    return { stages: config["email-consumer-enabled"] ? [loop] : [], close: () => sender.close() };
  },
});

function senderOf(config: EmailSettings, { developmentMailbox }: EmailNeeds): Sender {
  if (config["email.provider"] === "null") return nullSender();
  const connections = config["email.concurrency"];
  const host = config["email.smtp-host"];
  if (host === undefined) {
    const mailbox = developmentMailbox();
    if (!mailbox) throw new ConfigProblem([`${variableOf("email.smtp-host")} is missing: mails need an SMTP server.`]);
    return smtpSender({ ...mailbox, tls: "off", connections });
  }
  const username = config["email.smtp-username"];
  const password = config["email.smtp-password"];
  return smtpSender({
    ...{ host, port: config["email.smtp-port"] ?? SUBMISSION_PORT, connections },
    // A password is not to be had by whoever strips STARTTLS from the server's greeting.
    tls: config["email.smtp-tls"] ?? (username === undefined ? "opportunistic" : "required"),
    ...(username !== undefined && password !== undefined && { credentials: { username, password } }),
  });
}
