/** The settings of alerts: whom it is told that a provider is out, beside the log and the metrics. */
import { z } from "zod";
import { variableOf } from "#platform/config/config.ts";
import { flag, secret } from "#platform/config/fields.ts";
import { mode } from "#platform/config/mode.ts";

/** Whoever knows one may post there. */
const address = () =>
  secret().refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), { error: "must be a URL like https://…" });

export const alertFields = {
  mode,
  "alerts.webhook-url": address().optional().meta({ description: "Is posted a JSON when a provider is out, and when it serves again." }),
  "alerts.chat-url": address()
    .optional()
    .meta({ description: "An incoming webhook of Slack, or of what speaks like it: is told the same as text." }),
  "alerts.pagerduty-key": secret().optional().meta({
    description: "A routing key of PagerDuty's Events API v2: an incident for each integration that is out, resolved when it serves.",
  }),
  "alerts.pagerduty-url": address()
    .default("https://events.pagerduty.com/v2/enqueue")
    .meta({ description: "Where those events go; in the EU https://events.eu.pagerduty.com/v2/enqueue." }),
  "alerts.private-addresses": flag()
    .default(false)
    .meta({
      description:
        "true: alerts may go to addresses that are not public, and there by plain http. Without it to public ones by https only, and in " +
        "development mode to this machine.",
    }),
  "alerts.runbook-url": z
    .string()
    .default("docs/runbook.md")
    .meta({ description: "The runbook that alerts point to; #carillonbreakeropen is added." }),
};

export type AlertSettings = z.output<z.ZodObject<typeof alertFields>>;

const urls = ["alerts.webhook-url", "alerts.chat-url", "alerts.pagerduty-url"] as const;

/** For the schema that holds these fields: plain http only where the addresses may be ours. */
export function demandHttps(given: AlertSettings, context: z.core.$RefinementCtx): void {
  if (given["alerts.private-addresses"] || given.mode === "development") return;
  const message = `must be https, unless ${variableOf("alerts.private-addresses")} is true`;
  for (const key of urls) if (given[key]?.startsWith("http:")) context.addIssue({ code: "custom", path: [key], message });
}
