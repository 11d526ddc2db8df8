/**
 * Engines of one's own, which may be broken, and what Carillon needs to run on them. Nothing of it is left when it is stopped, or when this
 * process is gone.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningEngines, startEngines } from "../../deploy/local/engines.ts";
import { type Ports, rememberPorts } from "../../deploy/local/port.ts";
import { portsOf, type ServicesSettings } from "../../deploy/local/services.ts";
import type { Program } from "../../deploy/local/supervised.ts";
import { removeAfterwards } from "./remove-after.ts";

export interface InstallationOptions {
  /** All modules in one process. */
  readonly oneProcess: boolean;
  readonly env?: Program["env"];
}

export interface OwnEngines {
  readonly engines: RunningEngines;
  readonly ports: Ports;
  /** Settings of one more Carillon on them, with a log and a data directory of its own. */
  install(options: InstallationOptions): Promise<ServicesSettings>;
  stop(): Promise<void>;
}

const FREE = { CARILLON_HTTP_PORT: "0", CARILLON_GRPC_PORT: "0", CARILLON_LEGACY_HTTP_PORT: "0", CARILLON_SMTP_SINK_PORT: "0" };

/** Throws EnginesMissing where some cannot be had. */
export async function startOwnEngines(brokers: 1 | 3): Promise<OwnEngines> {
  const folder = mkdtempSync(join(tmpdir(), "carillon-mesh-"));
  removeAfterwards(folder);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const engines = await startEngines({ dataDir: join(folder, "engines"), brokers, logger: silent }).catch((error) => {
    remove();
    throw error;
  });
  const ports = rememberPorts(join(folder, "ports.json"));
  let installed = 0;
  return {
    ...{ engines, ports },
    async install({ oneProcess, env }) {
      const name = `installation${++installed}`;
      const own = { CARILLON_KAFKA_TOPIC_PREFIX: `${name}.`, CARILLON_CONSUMER_GROUP_ID: name };
      return {
        ...{ dataDir: join(folder, name), engines: engines.addresses, oneProcess, ports: await portsOf(ports, FREE) },
        env: { ...withoutSettings(), ...own, ...env },
      };
    },
    async stop() {
      await engines.stop();
      remove();
    },
  };
}

const silent = { info: () => {}, warn: () => {} };

/** Settings of whoever runs this are not those of what is run. */
const withoutSettings = (): Record<string, undefined> =>
  Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => name.startsWith("CARILLON_"))
      .map((name) => [name, undefined]),
  );
