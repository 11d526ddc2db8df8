/**
 * Ports of the engines: free ones, remembered in the data directory, so that a second start gives everybody the addresses of the first.
 *
 * They are chosen below the ranges that systems take the ports of outgoing connections from (Linux 32768, macOS 49152), or any client on
 * this machine might hold the port when its engine comes back.
 */
import { randomInt } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";

const LOWEST = 20_000;
const HIGHEST = 32_000;
const TRIES = 200;

export interface Ports {
  /** The remembered port of that name, or another where somebody else has taken it meanwhile. */
  take(name: string): Promise<number>;
}

export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });

export function rememberPorts(file: string): Ports {
  const remembered = new Map(Object.entries(read(file)));
  const considered = new Set(remembered.values());

  async function choose(): Promise<number> {
    for (let tries = 0; tries < TRIES; tries++) {
      const port = randomInt(LOWEST, HIGHEST);
      if (considered.has(port)) continue;
      considered.add(port);
      if (await isFree(port)) return port;
    }
    throw new Error(`no free port was found between ${LOWEST} and ${HIGHEST}`);
  }

  return {
    async take(name) {
      const last = remembered.get(name);
      if (last !== undefined && (await isFree(last))) return last;
      const port = await choose();
      remembered.set(name, port);
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(remembered), null, 2));
      renameSync(`${file}.new`, file);
      return port;
    },
  };
}

/** A file that is not there or cannot be read remembers nothing. */
function read(file: string): Record<string, number> {
  try {
    const ports: Record<string, unknown> = JSON.parse(readFileSync(file, "utf8"));
    return Object.fromEntries(
      Object.entries(ports).filter((entry): entry is [string, number] => Number.isInteger(entry[1]) && (entry[1] as number) > 0),
    );
  } catch {
    return {};
  }
}
