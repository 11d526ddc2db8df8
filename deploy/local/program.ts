/**
 * The programs that engines are: found on this machine, or installed with apt where this process may.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EngineLog } from "./engine.ts";
import { ProgramMissing } from "./problem.ts";

export interface Wanted {
  /** As a person calls it: "Redis". */
  readonly title: string;
  readonly program: string;
  /** Major and minor. */
  readonly oldest: readonly [number, number];
  /** Finds the version in what `--version` answers. */
  readonly version: RegExp;
  readonly aptPackage: string;
  readonly brewFormula: string;
}

/** Where servers lie that are not on everybody's PATH. */
const FURTHER = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

export function findProgram(name: string, path = process.env.PATH ?? ""): string | undefined {
  return [...path.split(delimiter).filter((folder) => folder !== ""), ...FURTHER].map((folder) => join(folder, name)).find(isExecutable);
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The path of a program that is new enough; throws ProgramMissing, which says what to install. */
export function obtainProgram(wanted: Wanted, logger: EngineLog, path = process.env.PATH ?? ""): string {
  const found = findProgram(wanted.program, path) ?? install(wanted, logger, path);
  const { status, stdout } = spawnSync(found, ["--version"], { encoding: "utf8", timeout: 10_000 });
  const [, major, minor] = (status === 0 && wanted.version.exec(stdout)) || [];
  if (major === undefined || minor === undefined) {
    throw new ProgramMissing(`${found} does not say which ${wanted.title} it is when run with --version. ${howToInstall(wanted)}`);
  }
  const [oldestMajor, oldestMinor] = wanted.oldest;
  if (Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor)) {
    throw new ProgramMissing(
      `${wanted.title} ${oldestMajor}.${oldestMinor} or later is needed, and ${found} is ${major}.${minor}. ${howToInstall(wanted)}`,
    );
  }
  return found;
}

const howToInstall = ({ title, aptPackage, brewFormula }: Wanted): string =>
  `Install ${title} (Debian and Ubuntu: apt-get install ${aptPackage}; macOS: brew install ${brewFormula}).`;

function install(wanted: Wanted, logger: EngineLog, path: string): string {
  const missing = `There is no ${wanted.program} on this machine. ${howToInstall(wanted)}`;
  if (process.getuid?.() !== 0 || findProgram("apt-get", path) === undefined) throw new ProgramMissing(missing);
  logger.info(`Installing ${wanted.aptPackage} with apt, its service not started …`);
  const script = fileURLToPath(new URL("./apt-install.sh", import.meta.url));
  const { status, stderr } = spawnSync("/bin/sh", [script, wanted.aptPackage], { encoding: "utf8" });
  const found = findProgram(wanted.program, path);
  if (status === 0 && found !== undefined) return found;
  throw new ProgramMissing(`${missing} apt-get could not: ${stderr.trim().split("\n").at(-1) ?? ""}`);
}
