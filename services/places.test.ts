import { describe, expect, it } from "vitest";
import { loadConfig } from "#platform/config/config.ts";
import type { Module } from "#platform/host.ts";
import { chosen } from "./chosen.ts";
import { describedModules } from "./modules.ts";
import { elsewhere, isFront, type Places, portOf, urlOf } from "./places.ts";
import type { ProcessSettings } from "./process.ts";

const all = describedModules() as readonly Module[];
const SECRET = "0123456789012345678901234567890123";

function process_(names: readonly string[], env: Record<string, string> = {}) {
  const settings = loadConfig(all, { CARILLON_ADAPTERS: "mesh", CARILLON_SERVICE_SECRET: SECRET, ...env });
  const places = settings.get("places") as Places;
  return { places, modules: chosen(names, all, settings.get("process") as ProcessSettings) };
}

describe("the modules of a process", () => {
  it("are all, or those that were named", () => {
    expect(process_([]).modules).toEqual(all);
    const names = process_(["router", "dispatcher"]).modules.map(({ name }) => name);
    expect(names).toEqual(["process", "places", "engines", "router", "dispatcher"]);
  });

  it.each([
    [["rooter"], {}, "There is no module rooter; there are ingest, router,"],
    [["process"], {}, "There is no module process"],
    [["router"], { CARILLON_ADAPTERS: "embedded" }, "The embedded form runs all modules in one process"],
    [["router"], { CARILLON_SERVICE_SECRET: "" }, "CARILLON_SERVICE_SECRET must be set, the same for all processes"],
  ])("%j with %j are refused", (names, env, sentence) => {
    expect(() => process_(names, env)).toThrow(sentence);
  });
});

describe("where modules are", () => {
  it("every service has its module, and is elsewhere unless it runs here", () => {
    const { modules } = process_(["ingest", "console"]);
    const away = elsewhere(all, modules);
    const services = all.flatMap((module) => module.services ?? []);
    expect(new Set([...away.keys()].map(({ typeName }) => typeName))).toEqual(
      new Set(services.map(({ typeName }) => typeName).filter((name) => name !== "carillon.ingest.v1.IngestService")),
    );
    expect(elsewhere(all, all).size).toBe(0);
  });

  it("only processes with ingest or console have the ports that everybody calls", () => {
    expect([["ingest"], ["console"], ["tracker"]].map((names) => isFront(process_(names).modules))).toEqual([true, true, false]);
    const { modules, places } = process_(["tracker"]);
    expect(portOf(modules, places)).toBe(8086);
    expect(portOf(modules, process_(["tracker"], { CARILLON_TRACKER_PORT: "9000" }).places)).toBe(9000);
  });

  it("are found where the settings say, else at their port on this machine", () => {
    const { places } = process_([], { CARILLON_TRACKER_URL: "http://10.0.0.7:9000/", CARILLON_INBOX_PORT: "9001" });
    expect(["tracker", "inbox", "ingest", "preferences"].map((name) => urlOf(name, places, { front: 8080 }))).toEqual([
      "http://10.0.0.7:9000",
      "http://127.0.0.1:9001",
      "http://127.0.0.1:8080",
      "http://127.0.0.1:8084",
    ]);
    expect(["tracker", "preferences"].map((name) => urlOf(name, places, { front: 8080, tls: true }))).toEqual([
      "http://10.0.0.7:9000",
      "https://localhost:8084",
    ]);
    const picked = process_([], { CARILLON_INBOX_PORT: "0" }).places;
    expect(() => urlOf("inbox", picked, { front: 8080 })).toThrow("CARILLON_INBOX_URL must be set");
  });
});
