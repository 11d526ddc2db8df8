/**
 * The alert rules and the dashboard's queries, as Prometheus itself reads them: by promtool, from Debian's package `prometheus` or built
 * with Go. Without it those tests are skipped; .ci/run installs it.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { type Places, placesModule } from "../../services/places.ts";
import { alerts, queries } from "../../test/expressions.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const promtool = (...args: string[]) => spawnSync("promtool", args, { cwd: folder, encoding: "utf8" });
const isThere = promtool("--version").status === 0;
if (!isThere) console.warn("The alert rules are not tested: there is no promtool on the PATH (Debian: the package prometheus has it).");

interface Trial {
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
}

const told = (path: string) => readFileSync(join(folder, path), "utf8");

describe.skipIf(!isThere)("promtool, which tests rules", () => {
  it("takes the alert rules, sees each fire and keep quiet, and say what it should", () => {
    const run = promtool("test", "rules", "alerts.test.yaml");
    expect(run.stdout + run.stderr).toContain("SUCCESS");
    expect(run.status).toBe(0);
    expect(promtool("check", "rules", "alerts.yaml").status).toBe(0);
  });

  it("takes the scrape configuration, with the rules and the key beside it", () => {
    const temporary = mkdtempSync(join(tmpdir(), "carillon-prometheus-"));
    for (const file of ["prometheus.yaml", "alerts.yaml"]) writeFileSync(join(temporary, file), told(file));
    writeFileSync(join(temporary, "carillon.key"), "ck_live_0123456789abcdef.secret");
    const run = promtool("check", "config", join(temporary, "prometheus.yaml"));
    rmSync(temporary, { recursive: true });
    expect(run.stdout + run.stderr).toContain("is valid prometheus config file syntax");
    expect(run.status).toBe(0);
  });

  it("takes every query of the dashboard", () => {
    const temporary = mkdtempSync(join(tmpdir(), "carillon-queries-"));
    const file = join(temporary, "queries.yaml");
    const rules = queries().map(({ expr }, index) => ({ record: `query:${index}`, expr }));
    expect(rules.length).toBeGreaterThan(30);
    writeFileSync(file, stringify({ groups: [{ name: "dashboard", rules }] }));
    const run = promtool("check", "rules", file);
    rmSync(temporary, { recursive: true });
    expect(run.stdout + run.stderr).toContain(`SUCCESS: ${rules.length} rules found`);
  });
});

it("the scrape configuration knows every process of a mesh by its default port", () => {
  interface Scraped {
    readonly scrape_configs: readonly {
      readonly static_configs: readonly { readonly targets: readonly string[]; readonly labels: { readonly process: string } }[];
    }[];
  }
  const [job] = (parse(told("prometheus.yaml")) as Scraped).scrape_configs;
  const scraped = job?.static_configs.map(({ targets, labels }) => [labels.process, ...targets]);
  const ports = Object.entries(placesModule.config.parse({}) as Places).filter(([key]) => key.endsWith(".port"));
  const alone = ports.map(([key, port]) => [key.replace(/\.port$/, ""), `localhost:${port}`]);
  expect(scraped).toEqual([["ingest+console", "localhost:8080"], ...alone]);
});

describe("the alert rules", () => {
  it("are each tried: seen to fire, and seen to keep quiet", () => {
    const trials = (parse(told("alerts.test.yaml")) as { tests: Trial[] }).tests.flatMap(({ alert_rule_test }) => alert_rule_test);
    const names = (fires: boolean) =>
      [...new Set(trials.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname))].sort();
    const all = alerts()
      .map(({ alert }) => alert)
      .sort();
    expect(names(true)).toEqual(all);
    expect(names(false)).toEqual(all);
  });

  it.each(alerts().map((rule) => [rule.alert, rule] as const))(
    "%s says how bad it is, what it means, and where it stands what to do",
    (name, rule) => {
      expect(["critical", "warning"]).toContain(rule.labels.severity);
      expect(rule.annotations).toEqual({
        summary: expect.stringMatching(/\.$/),
        description: expect.stringMatching(/\.$/),
        runbook: `docs/runbook.md#${name.toLowerCase()}`,
      });
    },
  );

  it("have each a chapter in the runbook, which has no others", () => {
    const runbook = readFileSync(new URL("../../docs/runbook.md", import.meta.url), "utf8");
    const chapters = [...runbook.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(chapters).toEqual(alerts().map(({ alert }) => alert));
  });
});
