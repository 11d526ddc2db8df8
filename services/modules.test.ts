import { expect, it } from "vitest";
import { ConfigProblem, loadConfig, variableOf } from "#platform/config/config.ts";
import type { Module } from "#platform/host.ts";
import { modulesOf } from "./modules.ts";

const none = () => {
  throw new Error("only the settings are looked at");
};
const modules = modulesOf({ mailbox: none, tokenSecret: none, mintToken: none, gatewayAt: none, signIn: none }) as readonly Module[];
const variables = [...new Set(modules.flatMap(({ config }) => Object.keys(config.shape).map(variableOf)))];

function troubles(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(modules, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigProblem) return error.sentences;
    throw error;
  }
}

it.each(variables)("%s is either taken or told what it must be, in our own words", (variable) => {
  for (const value of ["nonsense", "-5", "1.5", "email:nonsense"])
    for (const sentence of troubles({ [variable]: value })) {
      expect(sentence).toMatch(new RegExp(`^${variable} (is .* but|has a value that) must `));
      expect(sentence).not.toMatch(/must be right|expected|received/);
    }
});

it.each([
  [{ CARILLON_HISTORY_RETENTION_DAYS: "1.5" }, 'CARILLON_HISTORY_RETENTION_DAYS is "1.5" but must be a whole number from 1 to 3650'],
  [{ CARILLON_BROADCAST_DESTINATIONS: "email:nonsense" }, "must be like email:team@example.com,web:ann"],
  [{ CARILLON_BROADCAST_DESTINATIONS: "web:an n" }, "must be like email:team@example.com,web:ann"],
  [{ CARILLON_HTTP_PORT: "9000", CARILLON_LEGACY_HTTP_PORT: "9000" }, 'CARILLON_HTTP_PORT is "9000" but must differ from CARILLON_LEGACY_'],
  [{ CARILLON_HTTP_PORT: "8082" }, 'CARILLON_HTTP_PORT is "8082" but must differ from CARILLON_LEGACY_HTTP_PORT, which is 8082 too'],
  [{ CARILLON_GRPC_PORT: "8080" }, 'CARILLON_GRPC_PORT is "8080" but must differ from CARILLON_HTTP_PORT, which is 8080 too'],
  [{ CARILLON_LEGACY_HTTP_PORT: "8080" }, 'CARILLON_LEGACY_HTTP_PORT is "8080" but must differ from CARILLON_HTTP_PORT, which is 8080 too'],
] as [Record<string, string>, string][])("%j is refused", (env, sentence) => {
  expect(troubles(env)).toEqual([expect.stringContaining(sentence)]);
});

it("free ports do not clash", () => {
  expect(troubles({ CARILLON_HTTP_PORT: "0", CARILLON_LEGACY_HTTP_PORT: "0" })).toEqual([]);
});
