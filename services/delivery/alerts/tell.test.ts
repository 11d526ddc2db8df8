import { pino } from "pino";
import { Registry } from "prom-client";
import { expect, it, vi } from "vitest";
import { fakeClock } from "../../../test/fakes/clock.ts";
import { openHook } from "../../../test/fakes/hook.ts";
import type { AlertSettings } from "./settings.ts";
import { alertsOf } from "./tell.ts";

const opened = { integration: "primary", channel: "email", is: "opened", hasOthers: true } as const;

function open(settings: Partial<AlertSettings>) {
  const clock = fakeClock();
  const metrics = new Registry();
  const lines: { level: number; msg: string }[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const alerts = alertsOf({
    settings: {
      ...{ mode: "development", "alerts.private-addresses": false, "alerts.runbook-url": "https://wiki.example.com/runbook" },
      "alerts.pagerduty-url": "https://events.pagerduty.com/v2/enqueue",
      ...settings,
    },
    ...{ clock, logger, metrics },
  });
  const counted = async () => {
    const values = (await metrics.getSingleMetric("carillon_alerts_total")?.get())?.values ?? [];
    return Object.fromEntries(values.filter(({ value }) => value > 0).map(({ labels, value }) => [Object.values(labels).join(" "), value]));
  };
  return { clock, alerts, lines, counted };
}

it("tells each target once, in its own words, with severity, sentence and runbook", async () => {
  const [webhook, chat, events] = [await openHook(), await openHook(), await openHook()];
  const { alerts, clock, counted } = open({
    ...{ "alerts.webhook-url": webhook.url, "alerts.chat-url": chat.url },
    ...{ "alerts.pagerduty-url": events.url, "alerts.pagerduty-key": "key" },
  });
  alerts.tell(opened);
  await vi.waitFor(async () => expect(await counted()).toEqual({ "webhook sent": 1, "chat sent": 1, "pagerduty sent": 1 }));
  const runbook = "https://wiki.example.com/runbook#carillonbreakeropen";
  const summary =
    "primary is out: its last five sends by email failed, so it is not asked for a minute at a time; the next integration sends meanwhile.";
  const at = new Date(clock.nowMs()).toISOString();
  expect(webhook.bodies).toEqual([
    { type: "breaker.opened", severity: "warning", channel: "email", integration: "primary", summary, runbook, at },
  ]);
  expect(chat.bodies).toEqual([{ text: `[warning] Carillon: ${summary} What to do: ${runbook}` }]);
  expect(events.bodies).toEqual([
    {
      ...{ routing_key: "key", dedup_key: "carillon/email/primary", event_action: "trigger" },
      payload: {
        ...{ summary, source: "carillon", severity: "warning", timestamp: at, component: "primary", group: "email", class: "breaker" },
        custom_details: { runbook },
      },
      links: [{ href: runbook, text: "Runbook" }],
    },
  ]);
});

it("resolves the incident when the integration serves again", async () => {
  const events = await openHook();
  const { alerts } = open({ "alerts.pagerduty-url": events.url, "alerts.pagerduty-key": "key" });
  alerts.tell({ ...opened, is: "closed" });
  await vi.waitFor(() =>
    expect(events.bodies).toEqual([{ routing_key: "key", dedup_key: "carillon/email/primary", event_action: "resolve" }]),
  );
});

it("is critical where no other integration sends meanwhile", async () => {
  const webhook = await openHook();
  const { alerts } = open({ "alerts.webhook-url": webhook.url });
  alerts.tell({ ...opened, hasOthers: false });
  await vi.waitFor(() => expect(webhook.bodies).toMatchObject([{ severity: "critical" }]));
  expect(webhook.bodies[0]?.summary).toMatch(/deliveries wait, and use up no attempt\.$/);
});

it("tries once more what failed, and then says so", async () => {
  const webhook = await openHook();
  webhook.status = 503;
  const { alerts, clock, counted, lines } = open({ "alerts.webhook-url": webhook.url });
  alerts.tell(opened);
  await vi.waitFor(() => expect(webhook.bodies).toHaveLength(1));
  await vi.waitFor(() => expect(clock.sleepers()).toBe(1));
  await clock.advance(2_000);
  await vi.waitFor(async () => expect(await counted()).toEqual({ "webhook failed": 1 }));
  expect(webhook.bodies).toHaveLength(2);
  expect(lines.at(-1)).toMatchObject({ level: 40, msg: "an alert could not be told", why: "it answered 503" });
});

it("does not repeat what was refused for good, nor what may not be reached", async () => {
  const webhook = await openHook();
  webhook.status = 404;
  const refused = open({ "alerts.webhook-url": webhook.url });
  refused.alerts.tell(opened);
  await vi.waitFor(async () => expect(await refused.counted()).toEqual({ "webhook failed": 1 }));
  expect(webhook.bodies).toHaveLength(1);
  const production = open({ mode: "production", "alerts.webhook-url": webhook.url });
  production.alerts.tell(opened);
  await vi.waitFor(async () => expect(await production.counted()).toEqual({ "webhook failed": 1 }));
  expect(webhook.bodies).toHaveLength(1);
});

it("is a log line where there is no target, and never waits for one that is silent", async () => {
  const silent = await openHook();
  silent.status = "hang";
  const { alerts, lines } = open({ "alerts.webhook-url": silent.url });
  alerts.tell(opened);
  alerts.tell({ ...opened, is: "closed" });
  expect(lines.map(({ level, msg }) => [level, msg.split(":")[0]])).toEqual([
    [50, "primary is out"],
    [40, "primary serves again"],
  ]);
  expect(JSON.stringify(lines)).not.toContain(silent.url);
  alerts.close();
});
