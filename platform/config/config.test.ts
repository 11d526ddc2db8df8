import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ConfigProblem, loadConfig } from "./config.ts";
import { flag, list, port, secret, share, wholeNumber } from "./fields.ts";
import { configTable } from "./table.ts";

const email = {
  name: "email-workers",
  config: z.object({
    "email.smtp-host": z.string().optional().meta({ description: "The SMTP server." }),
    "email.smtp-port": port().default(587).meta({ description: "Its port." }),
    "email.smtp-password": secret().optional().meta({ description: "Its password." }),
    "email.tls": flag().default(true).meta({ description: "Speak TLS." }),
    "max-retry-count": wholeNumber({ min: 0, max: 10 }).default(3).meta({ description: "How often to try again." }),
  }),
};
const gateway = {
  name: "gateway",
  config: z.object({
    origins: list().default([]).meta({ description: "Whose pages may connect." }),
    level: z.enum(["debug", "info"]).default("info").meta({ description: "Log level." }),
  }),
};
const both = [email, gateway];

const troubles = (env: Record<string, string>, modules: Parameters<typeof loadConfig>[0] = both): readonly string[] => {
  try {
    loadConfig(modules, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigProblem);
    return (error as ConfigProblem).sentences;
  }
  return [];
};

describe("loadConfig", () => {
  it("fills what is not set with defaults, and counts empty as not set", () => {
    const settings = loadConfig(both, { CARILLON_EMAIL_SMTP_PORT: "", CARILLON_EMAIL_SMTP_HOST: "", PATH: "/bin" });
    expect(settings.get("email-workers")).toEqual({ "email.smtp-port": 587, "email.tls": true, "max-retry-count": 3 });
    expect(settings.get("gateway")).toEqual({ origins: [], level: "info" });
  });

  it("reads numbers, booleans and lists from their texts", () => {
    const settings = loadConfig(both, {
      CARILLON_EMAIL_SMTP_HOST: "mail.example.com",
      CARILLON_EMAIL_SMTP_PORT: "0",
      CARILLON_EMAIL_TLS: "false",
      CARILLON_MAX_RETRY_COUNT: "10",
      CARILLON_ORIGINS: " https://a.example, ,https://b.example ",
    });
    expect(settings.get("email-workers")).toEqual({
      "email.smtp-host": "mail.example.com",
      "email.smtp-port": 0,
      "email.tls": false,
      "max-retry-count": 10,
    });
    expect(settings.get("gateway")).toMatchObject({ origins: ["https://a.example", "https://b.example"] });
  });

  it.each([
    [{ CARILLON_EMAIL_SMTP_PORT: "0x19" }, 'CARILLON_EMAIL_SMTP_PORT is "0x19" but must be a whole number from 0 to 65535 (Its port).'],
    [{ CARILLON_EMAIL_SMTP_PORT: "65536" }, 'CARILLON_EMAIL_SMTP_PORT is "65536" but must be a whole number from 0 to 65535 (Its port).'],
    [{ CARILLON_EMAIL_SMTP_PORT: " 25" }, 'CARILLON_EMAIL_SMTP_PORT is " 25" but must be a whole number from 0 to 65535 (Its port).'],
    [
      { CARILLON_MAX_RETRY_COUNT: "2.5" },
      'CARILLON_MAX_RETRY_COUNT is "2.5" but must be a whole number from 0 to 10 (How often to try again).',
    ],
    [{ CARILLON_EMAIL_TLS: "yes" }, 'CARILLON_EMAIL_TLS is "yes" but must be true or false (Speak TLS).'],
    [{ CARILLON_LEVEL: "loud" }, 'CARILLON_LEVEL is "loud" but must be one of debug, info (Log level).'],
    [{ CARILLON_EMAIL_SMTP_PROT: "25" }, "CARILLON_EMAIL_SMTP_PROT is not a setting; did you mean CARILLON_EMAIL_SMTP_PORT?"],
    [{ CARILLON_SOMETHING_ELSE_ENTIRELY: "" }, "CARILLON_SOMETHING_ELSE_ENTIRELY is not a setting."],
  ])("stops on %o with a sentence", (env, sentence) => {
    expect(troubles(env as Record<string, string>)).toEqual([sentence]);
  });

  it("names every trouble at once, and each only once", () => {
    const sentences = troubles({ CARILLON_LEVEL: "x", CARILLON_EMAIL_TLS: "y", CARILLON_WRONG: "z" }, [
      ...both,
      { ...gateway, name: "second" },
    ]);
    expect(sentences.map((sentence) => sentence.split(" ")[0])).toEqual(["CARILLON_WRONG", "CARILLON_EMAIL_TLS", "CARILLON_LEVEL"]);
  });

  it("says what is missing", () => {
    const module = { name: "m", config: z.object({ "api.url": z.string().meta({ description: "Where the API is." }) }) };
    expect(troubles({}, [module])).toEqual(["CARILLON_API_URL is missing: it must be set (Where the API is)."]);
  });

  it("never shows a secret", () => {
    const key = secret().refine(() => false, { error: "must be 32 bytes in base64" });
    const module = { name: "m", config: z.object({ key: key.default("built-in secret").meta({ description: "A key." }) }) };
    expect(troubles({ CARILLON_KEY: "hunter2" }, [module])).toEqual(["CARILLON_KEY has a value that must be 32 bytes in base64 (A key)."]);
    expect(JSON.stringify(configTable([module]))).not.toContain("built-in");
  });

  it("lets two modules share a key only by the very same schema", () => {
    const shared = z.string().default("a");
    const one = { name: "one", config: z.object({ region: shared }) };
    const env = { CARILLON_REGION: "eu" };
    expect(loadConfig([one, { name: "two", config: z.object({ region: shared }) }], env).get("two")).toEqual({ region: "eu" });
    expect(() => loadConfig([one, { name: "two", config: z.object({ region: z.string() }) }], env)).toThrow(
      "CARILLON_REGION is declared by one",
    );
    const clashing = { name: "two", config: z.object({ "re.gion": shared, "re-gion": shared }) };
    expect(() => loadConfig([clashing], {})).toThrow("CARILLON_RE_GION");
  });
});

describe("configTable", () => {
  it("has a row for each setting, sorted by key", () => {
    expect(configTable([...both, gateway])).toEqual([
      { key: "email.smtp-host", variable: "CARILLON_EMAIL_SMTP_HOST", type: "string", default: undefined, description: "The SMTP server." },
      {
        key: "email.smtp-password",
        variable: "CARILLON_EMAIL_SMTP_PASSWORD",
        type: "secret",
        default: undefined,
        description: "Its password.",
      },
      { key: "email.smtp-port", variable: "CARILLON_EMAIL_SMTP_PORT", type: "port", default: "587", description: "Its port." },
      { key: "email.tls", variable: "CARILLON_EMAIL_TLS", type: "true | false", default: "true", description: "Speak TLS." },
      { key: "level", variable: "CARILLON_LEVEL", type: "debug | info", default: "info", description: "Log level." },
      {
        key: "max-retry-count",
        variable: "CARILLON_MAX_RETRY_COUNT",
        type: "0 to 10",
        default: "3",
        description: "How often to try again.",
      },
      { key: "origins", variable: "CARILLON_ORIGINS", type: "list", default: "", description: "Whose pages may connect." },
    ]);
  });
});

describe("a share", () => {
  const sampling = { name: "sampling", config: z.object({ ratio: share().default(0.01).meta({ description: "How many." }) }) };
  const read = (text?: string) => loadConfig([sampling], text === undefined ? {} : { CARILLON_RATIO: text }).get("sampling");

  it.each([
    ["0", 0],
    ["1", 1],
    ["0.01", 0.01],
    [".5", 0.5],
    ["1.0", 1],
    [undefined, 0.01],
  ])("reads %s", (text, ratio) => {
    expect(read(text)).toEqual({ ratio });
  });

  it.each(["2", "-0.1", "1.5", "50%", "1e-2", "0x1", "NaN"])("refuses %s, saying what would be right", (text) => {
    expect(() => read(text)).toThrow(`CARILLON_RATIO is "${text}" but must be a number from 0 to 1`);
  });
});
