import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ConfigProblem, loadConfig } from "./config.ts";
import { list, port, secret } from "./fields.ts";
import { readSettings } from "./file.ts";

const email = {
  name: "email-workers",
  config: z.object({
    "email.smtp-host": z.string().optional().meta({ description: "The SMTP server." }),
    "email.smtp-port": port().default(587).meta({ description: "Its port." }),
    "email.smtp-password": secret()
      .refine((text) => text.length > 3, { error: "must be longer" })
      .optional()
      .meta({ description: "Its password." }),
    "from-email": z.string().optional().meta({ description: "The sender." }),
    origins: list().default([]).meta({ description: "Whose pages may connect." }),
  }),
};
const load = (text: string, env: NodeJS.ProcessEnv = {}) =>
  loadConfig([email], env, readSettings("carillon.yaml", text)).get("email-workers");
const troubles = (text: string, env: NodeJS.ProcessEnv = {}): readonly string[] => {
  try {
    load(text, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigProblem);
    return (error as ConfigProblem).sentences;
  }
  return [];
};

describe("a settings file", () => {
  it("nests keys or dots them, as the older services' files do", () => {
    const nested = "email:\n  smtp-host: mail.example.com\n  smtp-port: 25\nfrom-email: a@example.com\n";
    const dotted = "email.smtp-host: mail.example.com\nemail.smtp-port: 25\nfrom-email: a@example.com\n";
    const expected = { "email.smtp-host": "mail.example.com", "email.smtp-port": 25, "from-email": "a@example.com", origins: [] };
    expect(load(nested)).toEqual(expected);
    expect(load(dotted)).toEqual(expected);
  });

  it("may be empty, hold comments, and leave values out", () => {
    expect(load("")).toEqual({ "email.smtp-port": 587, origins: [] });
    expect(load("# nothing\nemail:\n  smtp-host:\n  smtp-port: ~\n")).toEqual({ "email.smtp-port": 587, origins: [] });
  });

  it("takes lists as lists or with commas", () => {
    expect(load("origins: [https://a.example, https://b.example]")).toMatchObject({ origins: ["https://a.example", "https://b.example"] });
    expect(load("origins: https://a.example, https://b.example")).toMatchObject({ origins: ["https://a.example", "https://b.example"] });
  });

  it("is outranked by the environment", () => {
    expect(load("email.smtp-port: 25", { CARILLON_EMAIL_SMTP_PORT: "26" })).toMatchObject({ "email.smtp-port": 26 });
    expect(load("email.smtp-port: 25", { CARILLON_EMAIL_SMTP_PORT: "" })).toMatchObject({ "email.smtp-port": 25 });
  });

  it.each([
    ["email:\n  smtp-prot: 25", "carillon.yaml line 2: email.smtp-prot is not a setting; did you mean email.smtp-port?"],
    ["wholly: else", "carillon.yaml line 1: wholly is not a setting."],
    ["\nemail.smtp-port: 0x19", 'email.smtp-port (carillon.yaml line 2) is "0x19" but must be a whole number from 0 to 65535 (Its port).'],
    ["email.smtp-password: abc", "email.smtp-password (carillon.yaml line 1) has a value that must be longer (Its password)."],
    ["email.smtp-port: 25\nemail:\n  smtp-port: 26", "carillon.yaml line 3: email.smtp-port is given twice."],
    ["from-email: { a: { b: 1 } }", "carillon.yaml line 1: from-email.a.b is not a setting; did you mean from-email?"],
    ["origins: [[a], b, { c: d }]", "carillon.yaml line 1: origins must be a text, a number, true, false, or a list of those."],
    ["just words", "carillon.yaml line 1: a settings file is a list of `key: value` lines."],
    ["a: &x 1\nb: *x", "carillon.yaml line 2: b must be a text, a number, true, false, or a list of those."],
  ])("stops on %j with a sentence that names the line", (text, sentence) => {
    expect(troubles(text)).toContain(sentence);
  });

  it("that is no YAML is told where", () => {
    expect(troubles("email:\n  a: [1,\nb: 2")[0]).toMatch(/^carillon\.yaml line \d: /);
    expect(troubles("a: 1\na: 2")[0]).toMatch(/^carillon\.yaml line 2: /);
  });

  it("never shows a secret, and never expands into more than it is", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, at) => `${at}: &b${at} [*a,*a,*a,*a]`).join("\n")}`;
    expect(troubles(bomb).length).toBeGreaterThan(0);
    expect(troubles("email.smtp-password: abc").join()).not.toContain("abc");
  });
});
