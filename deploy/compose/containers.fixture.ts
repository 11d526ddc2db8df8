/**
 * Carillon's containers without Docker: each process of compose.yaml with its command and its environment, from the folder that the
 * Dockerfile makes, on real engines. Only hosts, ports and names give way: all run on one machine, beside other tests.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { EngineAddresses } from "../../test/engines/addresses.ts";
import { settingsUnder } from "../../test/world/names.ts";
import { rememberPorts } from "../local/port.ts";
import { carillonServices, readCompose, type Service } from "./file.fixture.ts";
import type { Image } from "./image.fixture.ts";

export interface Container {
  readonly name: string;
  readonly url: string;
  /** What it has printed. */
  output(): string;
  /** By the health check of the file. */
  isHealthy(): boolean;
  /** Like `docker stop`; answers the exit code. */
  stop(): Promise<number | null>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The settings that name the ports of the front, by the ports that it has in its container. */
const FRONT: Readonly<Record<number, string>> = {
  8080: "CARILLON_HTTP_PORT",
  8081: "CARILLON_GRPC_PORT",
  8082: "CARILLON_LEGACY_HTTP_PORT",
};

/** `name`: what no other test is called, on engines that other tests use too. */
export async function startContainers(image: Image, engines: EngineAddresses, name: string): Promise<readonly Container[]> {
  const services = carillonServices(readCompose());
  const free = rememberPorts(join(image.root, "ports.json"));
  const ports = new Map<number, number>();
  const inside = [...Object.keys(FRONT).map(Number), ...services.map(([, service]) => healthPort(service))];
  for (const port of new Set(inside)) ports.set(port, await free.take(String(port)));
  return services.map(([service, definition, modules]) => startContainer(service, definition, modules));

  function startContainer(container: string, service: Service, modules: readonly string[]): Container {
    const [command = "", ...args] = [...image.entrypoint, ...modules];
    const port = healthPort(service);
    const portSettings = port === 8080 ? FRONT : { [port]: `CARILLON_${container.toUpperCase().replaceAll("-", "_")}_PORT` };
    const child = spawn(command, args, {
      cwd: image.workdir,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env.PATH,
        ...image.env,
        ...Object.fromEntries(Object.entries(service.environment ?? {}).map(([key, value]) => [key, moved(key, value)])),
        ...Object.fromEntries(Object.entries(portSettings).map(([own, key]) => [key, String(ports.get(Number(own)))])),
        ...settingsUnder(name),
      },
    });
    running.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += chunk));
    const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(running.delete(child) ? code : null)));
    return {
      name: container,
      url: `http://127.0.0.1:${ports.get(port)}`,
      output: () => output,
      isHealthy() {
        const [, script = "", own = ""] = service.healthcheck.test;
        const { status } = spawnSync(join(image.root, script), [String(ports.get(Number(own)))], { stdio: "ignore" });
        return status === 0;
      },
      stop() {
        child.kill("SIGTERM");
        return ended;
      },
    };
  }

  /** A setting of the file as it has to be here. */
  function moved(key: string, value: string): string {
    const here: Readonly<Record<string, string>> = {
      CARILLON_KAFKA_BROKERS: engines.kafka.join(","),
      CARILLON_KAFKA_REPLICATION: String(Math.min(Number(value), engines.kafka.length)),
      CARILLON_MYSQL_URL: `${engines.mysql}/${name}`,
      CARILLON_REDIS_LEDGER_URL: engines.redisLedger,
      CARILLON_REDIS_CACHE_URL: engines.redisCache,
      CARILLON_CASSANDRA_CONTACT_POINTS: engines.cassandra,
    };
    return (
      here[key] ?? value.replace(/(http|ws):\/\/[\w-]+:(\d+)/, (_url, scheme, port) => `${scheme}://127.0.0.1:${ports.get(Number(port))}`)
    );
  }
}

const healthPort = ({ healthcheck }: Service): number => Number(healthcheck.test.at(-1));
