/** What is told to people when a breaker opens or closes, and how each kind of target wants it. Pure; names integrations, never persons. */

export interface Alert {
  readonly integration: string;
  readonly channel: string;
  readonly is: "opened" | "closed";
  /** What the channel's deliveries do meanwhile: another integration sends, or they wait. */
  readonly hasOthers: boolean;
  readonly atMs: number;
  /** Where it stands what to do. */
  readonly runbook: string;
}

const severityOf = ({ is, hasOthers }: Alert): "critical" | "warning" | "info" => {
  if (is === "closed") return "info";
  return hasOthers ? "warning" : "critical";
};

export function sentenceOf({ integration, channel, is, hasOthers }: Alert): string {
  if (is === "closed") return `${integration} serves again: deliveries by ${channel} go by it as before.`;
  const meanwhile = hasOthers ? "the next integration sends meanwhile" : "deliveries wait, and use up no attempt";
  return `${integration} is out: its last five sends by ${channel} failed, so it is not asked for a minute at a time; ${meanwhile}.`;
}

/** Ours, for programs. */
export const webhookBody = (alert: Alert) => ({
  type: `breaker.${alert.is}`,
  severity: severityOf(alert),
  channel: alert.channel,
  integration: alert.integration,
  summary: sentenceOf(alert),
  runbook: alert.runbook,
  at: new Date(alert.atMs).toISOString(),
});

/** Slack's incoming webhooks, which Mattermost, Rocket.Chat and Discord (at /slack) take as well. */
export const chatBody = (alert: Alert) => ({
  text: `[${severityOf(alert)}] Carillon: ${sentenceOf(alert)}${alert.is === "opened" ? ` What to do: ${alert.runbook}` : ""}`,
});

/** Events API v2. One incident for each integration: opened again before it is resolved, it is the same one. */
export function pagerDutyBody(alert: Alert, routingKey: string) {
  const about = { routing_key: routingKey, dedup_key: `carillon/${alert.channel}/${alert.integration}` };
  if (alert.is === "closed") return { ...about, event_action: "resolve" };
  return {
    ...about,
    event_action: "trigger",
    payload: {
      summary: sentenceOf(alert),
      source: "carillon",
      severity: severityOf(alert),
      timestamp: new Date(alert.atMs).toISOString(),
      component: alert.integration,
      group: alert.channel,
      class: "breaker",
      custom_details: { runbook: alert.runbook },
    },
    // It takes whole addresses only.
    ...(URL.canParse(alert.runbook) && { links: [{ href: alert.runbook, text: "Runbook" }] }),
  };
}
