/**
 * The mesh that `npm run mesh` runs on a data directory: what its processes were told, by which a tool beside them finds the same engines.
 *
 * It is there while the mesh runs. Readable by the owner only, for the secret that the processes share is among it.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** By the name of the variable. */
export type MeshSettings = Readonly<Record<string, string>>;

interface Told {
  readonly pid: number;
  readonly settings: MeshSettings;
}

const OWNER_ONLY = 0o600;

const fileIn = (dataDir: string): string => join(dataDir, "mesh.json");

/** Told until what this answers is called, or this process has ended. */
export function tellOfMesh(dataDir: string, settings: MeshSettings): () => void {
  const file = fileIn(dataDir);
  const told: Told = { pid: process.pid, settings };
  rmSync(`${file}.new`, { force: true });
  writeFileSync(`${file}.new`, JSON.stringify(told, null, 2), { mode: OWNER_ONLY });
  renameSync(`${file}.new`, file);
  return () => rmSync(file, { force: true });
}

/** Undefined: none runs there. */
export function meshOn(dataDir: string): MeshSettings | undefined {
  try {
    const { pid, settings }: Told = JSON.parse(readFileSync(fileIn(dataDir), "utf8"));
    // One that was killed left its word behind.
    process.kill(pid, 0);
    return settings;
  } catch {
    return undefined;
  }
}
