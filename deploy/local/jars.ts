/**
 * The jars of Kafka and Cassandra, fetched once by Maven (pom.xml says which) and kept in the user's cache.
 *
 * A folder of the cache is whole or not there: Maven writes into another, which is then renamed. Two starts at once fetch once: the
 * second waits. The folder's name comes from pom.xml, so another version is another folder.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { EngineLog } from "./engine.ts";
import { obtainMaven } from "./java.ts";
import { tryLock } from "./lock.ts";
import { ProgramMissing } from "./problem.ts";

const pom = fileURLToPath(new URL("./pom.xml", import.meta.url));
const UNFINISHED = "unfinished-";
const defaultCache = () => join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "carillon");

export interface JarOptions {
  readonly logger: EngineLog;
  readonly cacheDir?: string;
  /** The PATH that Maven is looked for on. */
  readonly path?: string;
}

/** The folder with an engine's jars. */
export async function obtainJars(
  profile: "kafka" | "cassandra",
  { logger, cacheDir = defaultCache(), path = process.env.PATH ?? "" }: JarOptions,
): Promise<string> {
  const folder = join(cacheDir, `${profile}-${createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  const maven = obtainMaven(path);
  mkdirSync(cacheDir, { recursive: true });
  // One at a time for all profiles: Maven's own repository does not take two writers.
  const lock = await waitForLock(join(cacheDir, "fetching"), logger);
  for (const left of readdirSync(cacheDir).filter((name) => name.startsWith(UNFINISHED))) rmSync(join(cacheDir, left), { recursive: true });
  const unfinished = mkdtempSync(join(cacheDir, UNFINISHED));
  try {
    if (existsSync(folder)) return folder;
    logger.info(`Fetching the jars of ${profile} with Maven, once for this machine …`);
    await runMaven(maven, profile, unfinished);
    renameSync(unfinished, folder);
    return folder;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
    lock.release();
  }
}

async function waitForLock(file: string, logger: EngineLog) {
  for (let tries = 0; ; tries++) {
    const lock = tryLock(file);
    if (lock) return lock;
    if (tries === 0) logger.info("Another start fetches jars; waiting for it.");
    await pause(200);
  }
}

async function runMaven(maven: string, profile: string, outputDirectory: string): Promise<void> {
  const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${outputDirectory}`];
  try {
    await promisify(execFile)(maven, ["-q", "-B", "--strict-checksums", "-f", pom, "-P", profile, ...goal], { encoding: "utf8" });
  } catch (error) {
    const { stdout = "", message } = error as { stdout?: string; message: string };
    const said = /^\[ERROR\] (.*)$/m.exec(stdout)?.[1] ?? message;
    throw new ProgramMissing(`Maven could not fetch the jars of ${profile} (is Maven Central reachable?): ${said}`);
  }
}
