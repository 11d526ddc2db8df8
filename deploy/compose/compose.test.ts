/** compose.yaml, held to what the program itself says: modules, settings, ports, versions. What runs of it is in mesh.engines.test.ts. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { loadConfig } from "#platform/config/config.ts";
import type { Module } from "#platform/host.ts";
import { chosen } from "../../services/chosen.ts";
import { describedModules } from "../../services/modules.ts";
import { isFront, type Places, placesModule, portOf } from "../../services/places.ts";
import type { ProcessSettings } from "../../services/process.ts";
import { version } from "../../services/version.ts";
import { composeCheck, MAKING_MS, noGo } from "../../test/world/languages.ts";
import { PROCESSES } from "../local/processes.ts";
import { type ComposeFile, carillonServices, folder, readCompose, SECRETS, type Service, serviceOf } from "./file.fixture.ts";

const file = readCompose();
const all = describedModules() as readonly Module[];
const ours = carillonServices(file);
const told = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

/** What its processes would read, and the modules that they would run. */
function start({ environment = {} }: Service, modules: readonly string[]) {
  const settings = loadConfig(all, environment);
  const process_ = settings.get("process") as ProcessSettings;
  return { settings, process_, places: settings.get("places") as Places, modules: chosen(modules, all, process_) };
}

describe.skipIf(noGo)(noGo ?? "the library that Docker Compose reads files with", () => {
  test(
    "takes the file, and reads from it what these tests read",
    async () => {
      const project = JSON.parse(
        execFileSync(await composeCheck(), [join(folder, "compose.yaml")], {
          encoding: "utf8",
          env: { ...process.env, ...SECRETS, COMPOSE_DISABLE_ENV_FILE: "1" },
        }),
      ) as ComposeFile;
      const read = ({ services }: ComposeFile) =>
        Object.fromEntries(
          Object.entries(services).map(([name, { image, command, environment, depends_on, healthcheck, cap_drop }]) => [
            name,
            {
              image,
              command: command ?? [],
              environment: environment ?? {},
              after: Object.keys(depends_on ?? {}).sort(),
              test: healthcheck.test,
              cap_drop,
            },
          ]),
        );
      expect(read(project)).toEqual(read(file));
    },
    MAKING_MS,
  );
});

describe("secrets", () => {
  test.each(Object.keys(SECRETS))("%s has no default: without it nothing starts, and make-env.sh is named", (name) => {
    expect(() => readCompose({ ...SECRETS, [name]: "" })).toThrow(`${name} is not set, run make-env.sh first`);
  });

  test("are made once, by chance, readable by their owner only", () => {
    const made = () => {
      const place = mkdtempSync(join(tmpdir(), "carillon-compose-"));
      cpSync(join(folder, "make-env.sh"), join(place, "make-env.sh"));
      const run = () => execFileSync("sh", [join(place, "make-env.sh")], { stdio: ["ignore", "ignore", "ignore"] });
      run();
      const env = readFileSync(join(place, ".env"), "utf8");
      expect(statSync(join(place, ".env")).mode & 0o777).toBe(0o600);
      expect(statSync(join(place, "secrets")).mode & 0o777).toBe(0o700);
      expect(readFileSync(join(place, "secrets/prometheus-key"), "utf8")).toBe("");
      writeFileSync(join(place, "secrets/prometheus-key"), "a key");
      run();
      expect(readFileSync(join(place, ".env"), "utf8")).toBe(env);
      expect(readFileSync(join(place, "secrets/prometheus-key"), "utf8")).toBe("a key");
      rmSync(place, { recursive: true });
      return Object.fromEntries(
        env
          .trim()
          .split("\n")
          .map((line) => line.split("=", 2) as [string, string]),
      );
    };
    const [one, other] = [made(), made()];
    expect(Object.keys(one).sort()).toEqual(Object.keys(SECRETS).sort());
    const values = [...Object.values(one), ...Object.values(other)];
    expect(values).toEqual(values.map(() => expect.stringMatching(/^[0-9a-f]{64}$/)));
    expect(new Set(values).size).toBe(values.length);
    expect(() => readCompose(one)).not.toThrow();
  });
});

describe("Carillon's processes", () => {
  it("are those of a mesh on one machine, with every module once", () => {
    const sorted = (groups: readonly (readonly string[])[]) => groups.map((group) => group.join("+")).sort();
    expect(sorted(ours.map(([, , modules]) => modules))).toEqual(sorted(PROCESSES));
    const runnable = all.map(({ name }) => name).filter((name) => !["process", "places", "engines"].includes(name));
    expect(ours.flatMap(([, , modules]) => modules).sort()).toEqual(runnable.sort());
  });

  describe.each(ours)("%s", (name, service, modules) => {
    it("starts with exactly these settings: in production, part of a mesh, reachable from the other containers", () => {
      expect(start(service, modules).process_).toMatchObject({ mode: "production", adapters: "mesh", host: "0.0.0.0" });
    });

    it("is asked for its health at its port", () => {
      const { process_, places, modules: running } = start(service, modules);
      const port = isFront(running) ? process_["http-port"] : portOf(running, places);
      expect(service.healthcheck.test).toEqual(["CMD", "/carillon/deploy/compose/ready.sh", String(port)]);
    });

    it("is told where the engines are that its modules work with, and starts after them", () => {
      const uses = new Set(all.filter((module) => modules.includes(module.name)).flatMap(({ uses = [] }) => uses));
      const { environment = {}, depends_on = {} } = service;
      const values = Object.values(environment).join(" ");
      const engines = Object.keys(file.services).filter((engine) => /^(kafka-|mysql|redis-|cassandra)/.test(engine));
      const expected = engines.filter((engine) => new RegExp(`[/@, ]${engine}:|^${engine}:`).test(` ${values}`));
      expect(Object.keys(depends_on).sort()).toEqual(expected.sort());
      expect(new Set(Object.values(depends_on).map(({ condition }) => condition))).toEqual(new Set(["service_healthy"]));
      expect("CARILLON_KAFKA_BROKERS" in environment).toBe(uses.has("log"));
      if (uses.has("ledger") || uses.has("fanout")) expect(environment).toHaveProperty("CARILLON_REDIS_LEDGER_URL");
    });

    it("writes nowhere, may do nothing that the system forbids ordinary programs, and has time to drain", () => {
      expect(service).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
      expect(Number.parseInt(service.stop_grace_period ?? "", 10)).toBeGreaterThanOrEqual(20);
      expect(service.image).toBe(`carillon:${version}`);
      expect(name).toBe(modules[0]);
    });
  });

  test("know where every module is that others call", () => {
    const keys = Object.keys(placesModule.config.shape).filter((key) => key.endsWith(".url"));
    for (const [, service, modules] of ours) {
      const { places, process_ } = start(service, modules);
      for (const key of keys) {
        const module = key.slice(0, -".url".length);
        const own = (places as Readonly<Record<string, unknown>>)[`${module}.port`] ?? process_["http-port"];
        expect((places as Readonly<Record<string, unknown>>)[key], key).toBe(`http://${serviceOf(module, file)}:${own}`);
      }
    }
  });
});

describe("what can be reached from outside", () => {
  it("is the front and the gateway, on this machine unless told otherwise, and the monitoring on this machine", () => {
    const published = (variables: Readonly<Record<string, string>> = {}) =>
      Object.fromEntries(
        Object.entries(readCompose({ ...SECRETS, ...variables }).services).flatMap(([name, { ports }]) => (ports ? [[name, ports]] : [])),
      );
    const rest = { prometheus: ["127.0.0.1:9090:9090"], grafana: ["127.0.0.1:3000:3000"] };
    const at = (address: string) => ({
      ingest: [8080, 8081, 8082].map((port) => `${address}:${port}:${port}`),
      gateway: [`${address}:8083:8083`],
      ...rest,
    });
    expect(published()).toEqual(at("127.0.0.1"));
    expect(published({ PUBLISH_ADDRESS: "0.0.0.0" })).toEqual(at("0.0.0.0"));
  });

  it("is no engine: they have a network that leads nowhere else", () => {
    expect(file.networks.engines).toEqual({ internal: true });
    for (const [name, { networks, build }] of Object.entries(file.services)) {
      const expected = { prometheus: ["edge"], grafana: ["edge"] }[name] ?? (build ? ["engines", "edge"] : ["engines"]);
      expect(networks, name).toEqual(expected);
    }
  });
});

describe("every container", () => {
  test.each(Object.entries(file.services))(
    "%s has a version, limits, a health check, a restart policy, and a log that ends",
    (_name, service) => {
      expect(service.image).toMatch(/^[a-z/]+:v?\d+\.\d+\.\d+(-[a-z]+)?$/);
      expect(service.deploy.resources.limits).toEqual({
        cpus: expect.stringMatching(/^[12]\.0$/),
        memory: expect.stringMatching(/^\d+[MG]$/),
      });
      expect(service.healthcheck).toMatchObject({
        interval: expect.any(String),
        timeout: expect.any(String),
        start_period: expect.any(String),
      });
      expect(service.restart).toBe("unless-stopped");
      expect(service).toMatchObject({ logging: { options: { "max-size": "10m" } } });
    },
  );

  test("the versions are those that are tested here, where they are", () => {
    const pom = told("../local/pom.xml");
    const jar = (name: string) => new RegExp(`<artifactId>${name}</artifactId>\\s*<version>([^<]+)<`).exec(pom)?.[1];
    const node = /const NODE = "([^"]+)"/.exec(told("../bootstrap.mjs"))?.[1];
    const { services } = file;
    expect(services["kafka-1"]?.image).toBe(`apache/kafka:${jar("kafka_2.13")}`);
    expect(services.cassandra?.image).toBe(`cassandra:${jar("cassandra-all")}`);
    expect(services.mysql?.image).toMatch(/^mysql:8\.4\./);
    for (const name of ["redis-ledger", "redis-cache"]) expect(services[name]?.image).toMatch(/^redis:7\./);
    const bases = [...told("./Dockerfile").matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
    expect(new Set(bases)).toEqual(new Set([`node:${node}-bookworm-slim`]));
  });

  test("volumes, secrets and files that containers are given are there", () => {
    const mounts = Object.values(file.services).flatMap(({ volumes = [] }) => volumes.map((each) => each.split(":")[0] as string));
    const isPath = (mount: string) => mount.startsWith(".");
    expect(mounts.filter((mount) => !isPath(mount)).sort()).toEqual(Object.keys(file.volumes).sort());
    expect(mounts.filter(isPath).filter((path) => !existsSync(join(folder, path)))).toEqual([]);
    expect(file.secrets).toEqual({ "prometheus-key": { file: "./secrets/prometheus-key" } });
  });
});
