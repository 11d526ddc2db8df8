import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { loadConfig } from "#platform/config/config.ts";
import type { Given, Parts } from "#platform/host.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import { memoryBreakers } from "#platform/limits/breaker.memory.ts";
import type { Breakers } from "#platform/limits/breaker.ts";
import { memoryBuckets } from "#platform/limits/bucket.memory.ts";
import { type FakeClock, fakeClock } from "../../test/fakes/clock.ts";
import { emailWorkers } from "./module.ts";
import type { EmailSettings } from "./settings.ts";

const parts: Parts[] = [];
afterEach(async () => {
  for (const each of parts.splice(0)) await each.close?.();
});

const read = (env: NodeJS.ProcessEnv) => {
  const module = emailWorkers({ developmentMailbox: () => undefined });
  return loadConfig([module], env).get(module.name) as EmailSettings;
};
interface More {
  readonly clock?: FakeClock;
  readonly breakers?: Breakers;
  readonly metrics?: Registry;
}
async function build(env: NodeJS.ProcessEnv, mailbox?: { host: string; port: number }, more: More = {}): Promise<Parts> {
  const { clock = fakeClock(), breakers = memoryBreakers({ clock }), metrics = new Registry() } = more;
  const given = { clock, ledger: memoryLedger({ clock }), logger: pino({ level: "silent" }), metrics, worker: "w" };
  const nobodyOrders = () => expect.fail("nobody orders anything in these tests");
  const built = await emailWorkers({ developmentMailbox: () => mailbox }).build(read(env), given as unknown as Given, {
    boxes: () => expect.fail("no environment of these tests has a mailbox"),
    ...{ buckets: memoryBuckets({ clock }), breakers },
    orders: { keep: nobodyOrders, standing: nobodyOrders, newest: nobodyOrders },
  });
  parts.push(built);
  return built;
}

describe("the settings of email delivery", () => {
  it("have defaults that work", () => {
    expect(read({})).toEqual({
      ...{ mode: "development", "email.provider": "smtp", "email.concurrency": 20, "max-retry-count": 3 },
      ...{ "email-consumer-enabled": true, "email.rate": "1000/min" },
      ...{ "alerts.private-addresses": false, "alerts.runbook-url": "docs/runbook.md" },
      "alerts.pagerduty-url": "https://events.pagerduty.com/v2/enqueue",
      "from-email": { name: "Carillon", address: "notifications@carillon.localhost" },
    });
  });

  it.each([
    ["hello@example.com", { name: "", address: "hello@example.com" }],
    ["Ann & Bo <hello@Example.com>", { name: "Ann & Bo", address: "hello@example.com" }],
    ["<hello@example.com>", { name: "", address: "hello@example.com" }],
  ])("take %s as the sender", (text, mailbox) => {
    expect(read({ CARILLON_FROM_EMAIL: text })["from-email"]).toEqual(mailbox);
  });

  it.each(["hello", 'a" <x@example.com>', "A <x@example.com>, B <y@example.com>", "A\r\nBcc: <x@example.com>"])(
    "refuse %j as the sender",
    (text) => {
      expect(() => read({ CARILLON_FROM_EMAIL: text })).toThrow("CARILLON_FROM_EMAIL");
    },
  );

  it.each([
    [
      { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_USERNAME: "u" },
      /^CARILLON_EMAIL_SMTP_USERNAME is "u" but must come with CARILLON_EMAIL_SMTP_PASSWORD, which is not set/,
    ],
    [
      { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PASSWORD: "hidden" },
      /^CARILLON_EMAIL_SMTP_PASSWORD has a value that must come with CARILLON_EMAIL_SMTP_USERNAME, which is not set/,
    ],
    [{ CARILLON_EMAIL_SMTP_PORT: "25" }, /^CARILLON_EMAIL_SMTP_PORT is "25" but must come with CARILLON_EMAIL_SMTP_HOST, which is not set/],
    [{ CARILLON_EMAIL_SMTP_TLS: "off" }, /^CARILLON_EMAIL_SMTP_TLS is "off" but must come with CARILLON_EMAIL_SMTP_HOST/],
    [
      { CARILLON_EMAIL_SMTP_HOST: "h", CARILLON_EMAIL_INTEGRATIONS: "a=smtp://h" },
      /^CARILLON_EMAIL_INTEGRATIONS has a value that must not come with CARILLON_EMAIL_SMTP_HOST, which is set/,
    ],
    [
      { CARILLON_EMAIL_PROVIDER: "null", CARILLON_EMAIL_INTEGRATIONS: "a=smtp://h" },
      /^CARILLON_EMAIL_INTEGRATIONS has a value that must not come with CARILLON_EMAIL_PROVIDER, which is set/,
    ],
    [
      { CARILLON_EMAIL_RATE: "none", CARILLON_EMAIL_BURST: "5" },
      /^CARILLON_EMAIL_BURST is "5" but must not come with CARILLON_EMAIL_RATE, which is set/,
    ],
    [{ CARILLON_EMAIL_SMTP_PASSWORD: "hidden" }, /^CARILLON_EMAIL_SMTP_PASSWORD has a value that must come with CARILLON_EMAIL_SMTP_HOST/],
  ])("belong together: %j", (env, sentence) => {
    expect(() => read(env)).toThrow(sentence);
  });

  it("may lack a server: then mails wait, be there a development mailbox or not", async () => {
    expect((await build({})).stages?.[0]?.window).toBe(100);
    expect((await build({}, { host: "127.0.0.1", port: 1 })).stages).toHaveLength(1);
    expect((await build({ CARILLON_EMAIL_PROVIDER: "null" })).stages?.[0]?.window).toBe(2_500);
  });

  it("name several servers in order of preference, and hold more records in hand for each", async () => {
    const integrations = "main=smtp://u:hidden@a.example.com?rate=100/s, spare=smtps://b.example.com?connections=5&rate=none";
    const built = await build({ CARILLON_EMAIL_INTEGRATIONS: integrations });
    expect(built.stages?.[0]?.window).toBe(20 * 5 * 2 + 5 * 5);
    const tasks = (of: Parts) => of.tasks?.map(({ name }) => name);
    expect(tasks(built)).toEqual(["tell-orders", "watch-breakers"]);
    const asked = await build({ CARILLON_EMAIL_INTEGRATIONS: integrations, CARILLON_EMAIL_CONSUMER_ENABLED: "false" });
    expect(tasks(asked)).toEqual(["tell-orders"]);
    expect(tasks(await build({ CARILLON_EMAIL_PROVIDER: "null" }))).toEqual([]);
  });

  it("of servers that are paused: that is known before anything is sent, however long nobody can say", async () => {
    const [clock, metrics] = [fakeClock(), new Registry()];
    const store = memoryBreakers({ clock });
    await store.order("spare", [{ is: "pause", number: 1 }]);
    let isAway = true;
    const breakers: Breakers = { ...store, read: (names) => (isAway ? Promise.reject(new Error("away")) : store.read(names)) };
    let isBuilt = false;
    const built = build({ CARILLON_EMAIL_INTEGRATIONS: "main=smtp://a.example.com,spare=smtp://b.example.com" }, undefined, {
      clock,
      breakers,
      metrics,
    }).then(() => {
      isBuilt = true;
    });
    await clock.advance(5_000);
    expect(isBuilt).toBe(false);
    isAway = false;
    await clock.advance(1_000);
    await built;
    const page = await metrics.metrics();
    expect(page).toMatch(/carillon_integration_paused{[^}]*"main"[^}]*} 0/);
    expect(page).toMatch(/carillon_integration_paused{[^}]*"spare"[^}]*} 1/);
  });

  it("never show what stands in a server's address", () => {
    const read_ = () => read({ CARILLON_EMAIL_INTEGRATIONS: "main=smtp://u:hidden@a.example.com?rate=often" });
    expect(read_).toThrow(/^CARILLON_EMAIL_INTEGRATIONS has a value that must be mended: of number 1, rate must be none, or a number/);
    expect(read_).not.toThrow(/hidden|example/);
  });

  it("let alerts go by plain http only where addresses may be ours", () => {
    const http = { CARILLON_ALERTS_WEBHOOK_URL: "http://10.0.0.1/alerts" };
    expect(read(http)["alerts.webhook-url"]).toBe("http://10.0.0.1/alerts");
    expect(() => read({ ...http, CARILLON_MODE: "production" })).toThrow("CARILLON_ALERTS_WEBHOOK_URL has a value that must be https");
    expect(read({ ...http, CARILLON_MODE: "production", CARILLON_ALERTS_PRIVATE_ADDRESSES: "true" })).toBeDefined();
    expect(() => read({ CARILLON_ALERTS_CHAT_URL: "hooks.example.com" })).toThrow(
      "CARILLON_ALERTS_CHAT_URL has a value that must be a URL",
    );
  });
});
