/**
 * Engines of one's own, which may be broken, and what Carillon needs to run on them. Nothing of it is left when it is stopped, or when this
 * process is gone.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineName } from "../../deploy/local/addresses.ts";
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

export interface OwnEngines<Name extends EngineName = EngineName> {
  readonly engines: RunningEngines<Name>;
  /** Where they keep what they have; others may put theirs beside it. */
  readonly folder: string;
  stop(): Promise<void>;
}

export interface OwnMesh extends OwnEngines {
  readonly ports: Ports;
  /** Settings of one more Carillon on them, with a log and a data directory of its own. */
  install(options: InstallationOptions): Promise<ServicesSettings>;
}

const FREE = { CARILLON_HTTP_PORT: "0", CARILLON_GRPC_PORT: "0", CARILLON_LEGACY_HTTP_PORT: "0", CARILLON_SMTP_SINK_PORT: "0" };

/** Throws EnginesMissing where some cannot be had. */
export async function startOwnEngines<Name extends EngineName = EngineName>(
  brokers: 1 | 3,
  which?: readonly Name[],
): Promise<OwnEngines<Name>> {
  const folder = mkdtempSync(join(tmpdir(), "carillon-mesh-"));
  removeAfterwards(folder);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const engines = await startEngines({ dataDir: join(folder, "engines"), brokers, logger: silent, ...(which && { which }) }).catch(
    (error) => {
      remove();
      throw error;
    },
  );
  return {
    ...{ engines, folder },
    async stop() {
      await engines.stop();
      remove();
    },
  };
}

/** Throws EnginesMissing where some cannot be had. */
export async function startOwnMesh(brokers: 1 | 3): Promise<OwnMesh> {
  const own = await startOwnEngines(brokers);
  const { engines, folder } = own;
  const ports = rememberPorts(join(folder, "ports.json"));
  let installed = 0;
  return {
    ...{ ...own, ports },
    async install({ oneProcess, env }) {
      const name = `installation${++installed}`;
      const named = { CARILLON_KAFKA_TOPIC_PREFIX: `${name}.`, CARILLON_CONSUMER_GROUP_ID: name };
      return {
        ...{ dataDir: join(folder, name), engines: engines.addresses, oneProcess, ports: await portsOf(ports, FREE) },
        env: { ...withoutSettings(), ...named, ...env },
      };
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
