/** Java and Maven, which Kafka and Cassandra are run with and fetched by. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ProgramMissing } from "./problem.ts";
import { findProgram, isExecutable } from "./program.ts";

export interface JavaWanted {
  /** As a person calls what needs it: "Kafka". */
  readonly title: string;
  readonly oldest: number;
  readonly newest?: number;
}

export interface JavaPlaces {
  readonly javaHome: string | undefined;
  readonly path: string;
  /** Where systems keep several Javas side by side. */
  readonly installed: string;
}

const places = (): JavaPlaces => ({ javaHome: process.env.JAVA_HOME, path: process.env.PATH ?? "", installed: "/usr/lib/jvm" });

/**
 * What both engines are run with: one of a few on a small machine, which may be up for a minute only. Compiled once and quickly, they take
 * half the processor time of what is compiled again and better in the background (docs/mesh.md).
 */
export const FRUGAL = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"];

const INSTALL = "Install Java 17 (Debian and Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17).";

/** JAVA_HOME first, then the PATH, then whatever else is installed: the first whose version fits. */
export function obtainJava({ title, oldest, newest = Number.POSITIVE_INFINITY }: JavaWanted, where = places()): string {
  const seen: string[] = [];
  for (const java of candidates(where)) {
    const version = versionOf(java);
    if (version !== undefined && version >= oldest && version <= newest) return java;
    seen.push(version === undefined ? `${java} does not say which Java it is` : `${java} is Java ${version}`);
  }
  const wanted = newest === oldest ? `Java ${oldest}` : `Java ${oldest} or later`;
  throw new ProgramMissing(`${title} needs ${wanted}, and ${seen[0] ?? "there is no java on this machine"}. ${INSTALL}`);
}

const candidates = ({ javaHome, path, installed }: JavaPlaces): readonly string[] => {
  const ofPath = findProgram("java", path);
  return [
    ...(javaHome ? [join(javaHome, "bin/java")] : []),
    ...(ofPath === undefined ? [] : [ofPath]),
    ...foldersOf(installed).map((name) => join(installed, name, "bin/java")),
  ].filter(isExecutable);
};

function foldersOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** 17 of `openjdk version "17.0.15"`, 8 of `java version "1.8.0_402"`. */
function versionOf(java: string): number | undefined {
  const { stderr } = spawnSync(java, ["-version"], { encoding: "utf8", timeout: 20_000 });
  const version = /version "(?:1\.)?(\d+)/.exec(stderr ?? "")?.[1];
  return version === undefined ? undefined : Number(version);
}

export function obtainMaven(path = process.env.PATH ?? ""): string {
  const maven = findProgram("mvn", path);
  if (maven !== undefined) return maven;
  throw new ProgramMissing(
    "Kafka and Cassandra are fetched by Maven, and there is no mvn on this machine. " +
      "Install Maven (Debian and Ubuntu: apt-get install maven; macOS: brew install maven).",
  );
}
