import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { loadConfig } from "#platform/config/config.ts";
import type { Given, Parts } from "#platform/host.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
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
async function build(env: NodeJS.ProcessEnv, mailbox?: { host: string; port: number }): Promise<Parts> {
  const clock = fakeClock();
  const given = { clock, ledger: memoryLedger({ clock }), logger: pino({ level: "silent" }), metrics: new Registry(), worker: "w" };
  const built = await emailWorkers({ developmentMailbox: () => mailbox }).build(read(env), given as unknown as Given, () =>
    expect.fail("no environment of these tests has a mailbox"),
  );
  parts.push(built);
  return built;
}

describe("the settings of email delivery", () => {
  it("have defaults that work", () => {
    expect(read({})).toEqual({
      mode: "development",
      ...{ "email.provider": "smtp", "email.concurrency": 20, "max-retry-count": 3 },
      "email-consumer-enabled": true,
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
    [{ CARILLON_EMAIL_SMTP_PASSWORD: "hidden" }, /^CARILLON_EMAIL_SMTP_PASSWORD has a value that must come with CARILLON_EMAIL_SMTP_HOST/],
  ])("belong together: %j", (env, sentence) => {
    expect(() => read(env)).toThrow(sentence);
  });

  it("may lack a server: then mails wait, be there a development mailbox or not", async () => {
    expect((await build({})).stages?.[0]?.concurrency).toBe(40);
    expect((await build({}, { host: "127.0.0.1", port: 1 })).stages).toHaveLength(1);
    expect((await build({ CARILLON_EMAIL_PROVIDER: "null" })).stages?.[0]?.concurrency).toBe(1_000);
  });
});
