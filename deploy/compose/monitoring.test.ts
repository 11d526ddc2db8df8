/** What Prometheus and Grafana of compose.yaml are given. Grafana itself was never started on it. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { carillonServices, folder, readCompose } from "./file.fixture.ts";

const file = readCompose();
const read = (path: string) => readFileSync(join(folder, path), "utf8");
const isThere = spawnSync("promtool", ["--version"]).status === 0;

interface Prometheus {
  readonly rule_files: readonly string[];
  readonly scrape_configs: readonly {
    readonly job_name: string;
    readonly authorization?: { readonly credentials_file: string };
    readonly dns_sd_configs?: readonly { readonly type: string; readonly port: number; readonly names: readonly string[] }[];
  }[];
}
const prometheus = parse(read("prometheus.yaml")) as Prometheus;
/** From a path inside the container to the file that lies there. */
const mounted = (name: string, path: string) => {
  const mounts = (file.services[name]?.volumes ?? []).map((each) => each.split(":") as [string, string]);
  const found = mounts.find(([, inside]) => path === inside || path.startsWith(`${inside}/`));
  return found && join(folder, found[0], path.slice(found[1].length));
};

describe("Prometheus", () => {
  it("asks every process of Carillon, at the port where it is asked for its health, by a key that the container is given", () => {
    const job = prometheus.scrape_configs.find(({ job_name }) => job_name === "carillon");
    const asked = job?.dns_sd_configs?.flatMap(({ type, port, names }) => names.map((name) => [type, name, String(port)]));
    const expected = carillonServices(file).map(([name, { healthcheck }]) => ["A", name, healthcheck.test.at(-1)]);
    expect(asked?.sort()).toEqual(expected.sort());
    const secret = /^\/run\/secrets\/(.+)$/.exec(job?.authorization?.credentials_file ?? "")?.[1] ?? "";
    expect(file.services.prometheus?.secrets).toEqual([secret]);
    expect(file.secrets).toHaveProperty([secret]);
  });

  it("has all rules that there are, and not their tests", () => {
    const rules = readdirSync(join(folder, "../prometheus")).filter((name) => /^alerts[\w-]*\.yaml$/.test(name));
    expect(prometheus.rule_files).toEqual(rules.map((name) => `rules/${name}`));
    expect(file.services.prometheus?.volumes).toContain("../prometheus:/etc/prometheus/rules:ro");
  });

  it.skipIf(!isThere)("takes its configuration, as promtool says", () => {
    const place = mkdtempSync(join(tmpdir(), "carillon-prometheus-"));
    mkdirSync(join(place, "rules"));
    for (const rules of prometheus.rule_files) cpSync(join(folder, "../prometheus", rules.slice("rules/".length)), join(place, rules));
    writeFileSync(join(place, "key"), "");
    writeFileSync(join(place, "prometheus.yaml"), read("prometheus.yaml").replace("/run/secrets/prometheus-key", join(place, "key")));
    const run = spawnSync("promtool", ["check", "config", join(place, "prometheus.yaml")], { encoding: "utf8" });
    rmSync(place, { recursive: true });
    expect(run.stdout + run.stderr).toContain("SUCCESS");
    expect(run.status).toBe(0);
  });
});

describe("Grafana", () => {
  it("has Prometheus as its data source, by its name and port", () => {
    const { apiVersion, datasources } = parse(read("grafana/datasources.yaml"));
    expect(apiVersion).toBe(1);
    expect(datasources).toEqual([expect.objectContaining({ type: "prometheus", url: "http://prometheus:9090", isDefault: true })]);
    expect(file.services.prometheus?.ports).toEqual(["127.0.0.1:9090:9090"]);
  });

  it("has the dashboard where its provider looks, and shows it first", () => {
    const { providers } = parse(read("grafana/dashboards.yaml")) as { providers: { options: { path: string } }[] };
    const path = `${providers[0]?.options.path}/carillon.json`;
    expect(mounted("grafana", path)).toBe(join(folder, "../grafana/carillon.json"));
    expect(file.services.grafana?.environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(path);
    for (const kind of ["datasources", "dashboards"])
      expect(mounted("grafana", `/etc/grafana/provisioning/${kind}/carillon.yaml`)).toBe(join(folder, `grafana/${kind}.yaml`));
  });
});
