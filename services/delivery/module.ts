/** Email workers: deliveries of the email lanes in, mails out. */
import { ProvidersService } from "#gen/carillon/providers/v1/providers_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Module } from "#platform/host.ts";
import type { Breakers } from "#platform/limits/breaker.ts";
import type { Buckets, Rate } from "#platform/limits/bucket.ts";
import type { Orders } from "#platform/limits/orders.ts";
import { wordsOf } from "#platform/render/content.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { breakerMetrics } from "#platform/telemetry/breakers.ts";
import { deliveryMetrics } from "#platform/telemetry/deliveries.ts";
import { type Account, defaultTls } from "./accounts.ts";
import { alertsOf } from "./alerts/tell.ts";
import { learnFirst, watching } from "./breaker.ts";
import { choosing } from "./choose.ts";
import { type IntegrationNeeds, integrationOf, type Route } from "./integration.ts";
import { emailLoop } from "./loop.ts";
import { tellingOrders } from "./orders.ts";
import { type Keep, mailboxSender } from "./providers/email/mailbox.ts";
import { noSender } from "./providers/email/none.ts";
import { nullSender } from "./providers/email/null.ts";
import { smtpSender } from "./providers/email/smtp.ts";
import type { Sender } from "./sender.ts";
import { providersService } from "./service.ts";
import { defaultRate, type EmailSettings, settings } from "./settings.ts";

const CHANNEL = "email";
const SUBMISSION_PORT = 587;

export interface EmailNeeds {
  /** Where development's mails go when no server is named; undefined: then they wait for one. */
  readonly developmentMailbox: () => { readonly host: string; readonly port: number } | undefined;
}

/** What workers that send share. */
interface SendStore {
  /** The built-in mailbox of a test environment. */
  readonly boxes: (environment: string) => { readonly keep: Keep };
  readonly buckets: Buckets;
  readonly breakers: Breakers;
  /** What the breakers are told of them is told by whoever opens them, and again and again from here. */
  readonly orders: Orders;
}

export const emailWorkers = (needs: EmailNeeds): Module<EmailSettings, SendStore> => ({
  name: "email-workers",
  services: [ProvidersService],
  uses: ["log", "ledger"],
  config: settings,
  async build(config, given, { boxes, buckets, breakers, orders }) {
    const { ledger, clock, metrics, tracer, worker, client } = given;
    const logger = given.logger.child({ stage: "email-workers" });
    const senders = sendersOf(config, needs, clock);
    const shown = breakerMetrics(metrics, CHANNEL);
    const alerts = alertsOf({ settings: config, clock, logger, metrics });
    const guard: IntegrationNeeds["guard"] = {
      ...{ breakers, logger, known: (integration, state) => shown.known(integration, state) },
      changed(integration, is) {
        shown.changed(integration, is);
        alerts.tell({ integration, channel: CHANNEL, is, hasOthers: senders.length > 1 });
      },
    };
    const shared = { buckets, worker, clock };
    const live = senders.map(({ sender, rate, isProvider }) =>
      integrationOf({ ...shared, sender, rate, guard: isProvider ? guard : undefined }),
    ) as readonly unknown[] as Route;
    const delivered = deliveryMetrics(metrics, CHANNEL);
    for (const [at, { sender }] of live.entries()) {
      delivered.overdue({ provider: sender.id }, 0);
      const next = live[at + 1]?.sender.id;
      if (next !== undefined) delivered.failedOver({ from: sender.id, to: next }, 0);
    }
    if (live[0].sender.id === "none") logger.warn("no SMTP server is configured: mails of live environments wait until one is");
    const mailboxOf = (environment: string): Route => [
      integrationOf({ ...shared, sender: mailboxSender((post) => boxes(environment).keep(post)) }),
    ];
    const loop = emailLoop({
      ...{ ledger, live, clock, logger, tracer, worker },
      routeOf: choosing({ mode: config.mode, configured: live, mailboxOf, client }),
      metrics: delivered,
      wordsOf: wordsOf(versionsOf(given)),
      from: config["from-email"],
      maxRetryCount: config["max-retry-count"],
    });
    const isOn = config["email-consumer-enabled"];
    const guarded = live.filter((_, at) => senders[at]?.isProvider);
    const guards = guarded.map(({ breaker }) => breaker);
    if (isOn) await learnFirst(breakers, guards, clock);
    const service = providersService({ breakers, buckets, orders, clock, logger, client, integrations: guarded });
    return {
      rpc: (router) => router.service(ProvidersService, service),
      stages: isOn ? [loop] : [],
      tasks:
        guards.length > 0 ? [tellingOrders({ breakers, orders, clock, logger }), ...(isOn ? [watching(breakers, guards, clock)] : [])] : [],
      async close() {
        alerts.close();
        for (const { sender } of live) await sender.close();
      },
    };
  },
});

interface Opened {
  readonly sender: Sender;
  readonly rate?: Rate | undefined;
  /** That could be out. */
  readonly isProvider: boolean;
}

/** In order of preference, at least one. */
function sendersOf(config: EmailSettings, { developmentMailbox }: EmailNeeds, clock: Clock): readonly Opened[] {
  if (config["email.provider"] === "null") return [{ sender: nullSender(), isProvider: false }];
  const connections = config["email.concurrency"];
  const accounts = accountsIn(config);
  if (accounts.length === 0) {
    const mailbox = developmentMailbox();
    if (!mailbox) return [{ sender: noSender(), isProvider: false }];
    return [{ sender: smtpSender({ id: "smtp", ...mailbox, tls: "off", connections, clock }), isProvider: true }];
  }
  return accounts.map(({ rate = defaultRate(config), ...account }) => ({
    sender: smtpSender({ connections, ...account, clock }),
    rate: rate === "none" ? undefined : rate,
    isProvider: true,
  }));
}

function accountsIn(config: EmailSettings): readonly Account[] {
  const host = config["email.smtp-host"];
  if (host === undefined) return config["email.integrations"] ?? [];
  const username = config["email.smtp-username"];
  const password = config["email.smtp-password"];
  const credentials = username !== undefined && password !== undefined ? { username, password } : undefined;
  return [
    {
      ...{ id: "smtp", host, port: config["email.smtp-port"] ?? SUBMISSION_PORT },
      tls: config["email.smtp-tls"] ?? defaultTls(credentials),
      ...(credentials && { credentials }),
    },
  ];
}
