/**
 * Tells the configured targets that a breaker has opened or closed. Nobody waits for it: a target that does not answer costs an alert, which
 * the log and the metrics have all the same, and never a send.
 */
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Clock } from "#platform/clock.ts";
import type { Reach } from "#platform/net/addresses.ts";
import { post, Unreachable } from "#platform/net/post.ts";
import { counter } from "#platform/telemetry/metric.ts";
import { type Alert, chatBody, pagerDutyBody, sentenceOf, webhookBody } from "./alert.ts";
import type { AlertSettings } from "./settings.ts";

export interface AlertsNeeds {
  readonly settings: AlertSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Registry;
}

export interface Alerts {
  tell(alert: Omit<Alert, "atMs" | "runbook">): void;
  /** Gives up what is under way. */
  close(): void;
}

interface Target {
  readonly name: "webhook" | "chat" | "pagerduty";
  readonly url: string;
  body(alert: Alert): unknown;
}

const TIMEOUT_MS = 5_000;
const AGAIN_MS = 2_000;
/** So many posts at the same time, at most: whoever does not answer is not asked ever more. */
const MOST_UNDER_WAY = 32;

const alertsTotal = counter({
  name: "carillon_alerts_total",
  help: "Alerts that were told to a configured target, or could not be after a second try.",
  labels: { target: "webhook, chat, pagerduty", outcome: "sent, failed" },
});

export function alertsOf({ settings, clock, logger, metrics }: AlertsNeeds): Alerts {
  const count = alertsTotal.on(metrics);
  const closing = new AbortController();
  const targets = targetsOf(settings);
  const reach = reachOf(settings);
  let underWay = 0;
  for (const { name } of targets) for (const outcome of ["sent", "failed"]) count.inc({ target: name, outcome }, 0);

  /** Undefined: it was taken. */
  async function once({ url, body }: Target, alert: Alert): Promise<{ readonly why: string; readonly again: boolean } | undefined> {
    try {
      const status = await post({ url, body: body(alert), reach, timeoutMs: TIMEOUT_MS, signal: closing.signal, clock });
      if (status >= 200 && status < 300) return undefined;
      return { why: `it answered ${status}`, again: status >= 500 || status === 429 };
    } catch (error) {
      return { why: (error as Error).message, again: !(error instanceof Unreachable) };
    }
  }

  async function deliver(target: Target, alert: Alert): Promise<void> {
    if (underWay >= MOST_UNDER_WAY) return failed(target, "too many alerts are under way");
    underWay++;
    try {
      let trouble = await once(target, alert);
      if (trouble?.again && !closing.signal.aborted) {
        await clock.sleep(AGAIN_MS, closing.signal);
        trouble = await once(target, alert);
      }
      if (trouble) failed(target, trouble.why);
      else count.inc({ target: target.name, outcome: "sent" });
    } finally {
      underWay--;
    }
  }

  function failed({ name }: Target, why: string): void {
    count.inc({ target: name, outcome: "failed" });
    logger.warn({ target: name, why }, "an alert could not be told");
  }

  return {
    tell(about) {
      const alert: Alert = { ...about, atMs: clock.nowMs(), runbook: `${settings["alerts.runbook-url"]}#carillonbreakeropen` };
      const line = { channel: alert.channel, provider: alert.integration, runbook: alert.runbook };
      if (alert.is === "opened") logger.error(line, sentenceOf(alert));
      else logger.warn(line, sentenceOf(alert));
      for (const target of targets) void deliver(target, alert);
    },
    close: () => closing.abort("closing"),
  };
}

function targetsOf(settings: AlertSettings): readonly Target[] {
  const { "alerts.webhook-url": webhook, "alerts.chat-url": chat, "alerts.pagerduty-key": key, "alerts.pagerduty-url": events } = settings;
  return [
    ...(webhook === undefined ? [] : [{ name: "webhook", url: webhook, body: webhookBody } as const]),
    ...(chat === undefined ? [] : [{ name: "chat", url: chat, body: chatBody } as const]),
    ...(key === undefined ? [] : [{ name: "pagerduty", url: events, body: (alert: Alert) => pagerDutyBody(alert, key) } as const]),
  ];
}

const reachOf = ({ mode, "alerts.private-addresses": isPrivate }: AlertSettings): Reach => {
  if (isPrivate) return "private";
  return mode === "development" ? "loopback" : "public";
};
