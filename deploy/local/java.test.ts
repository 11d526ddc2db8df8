import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { obtainJava, obtainMaven } from "./java.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "carillon-java-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A java that says it is that version, at `place`/bin/java. */
function put(place: string, version: string): string {
  const bin = join(folder, place, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "java"), `#!/bin/sh\necho '${version}' >&2\n`);
  chmodSync(join(bin, "java"), 0o755);
  return join(bin, "java");
}
const places = (home?: string) => ({
  javaHome: home === undefined ? undefined : join(folder, home),
  path: join(folder, "path/bin"),
  installed: join(folder, "jvm"),
});
const openjdk = (version: string) => `openjdk version "${version}" 2025-04-15`;
const kafka = { title: "Kafka", oldest: 17 };
const cassandra = { title: "Cassandra", oldest: 17, newest: 17 };
const INSTALL = "Install Java 17 (Debian and Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17).";

test("JAVA_HOME goes before the PATH", () => {
  put("path", openjdk("17.0.15"));
  const home = put("home", openjdk("21.0.1"));
  expect(obtainJava(kafka, places("home"))).toBe(home);
});

test("where the Java at hand is too new, one that fits and is installed beside it is taken", () => {
  put("path", openjdk("25"));
  const installed = put("jvm/java-17-openjdk", openjdk("17.0.15"));
  expect(obtainJava(cassandra, places())).toBe(installed);
});

test("no Java at all is a sentence", () => {
  expect(() => obtainJava(kafka, places())).toThrow(`Kafka needs Java 17 or later, and there is no java on this machine. ${INSTALL}`);
});

test("a Java that is too old is a sentence with its version", () => {
  const java = put("path", 'java version "1.8.0_402"');
  expect(() => obtainJava(kafka, places())).toThrow(`Kafka needs Java 17 or later, and ${java} is Java 8. ${INSTALL}`);
});

test("a Java that is too new for Cassandra is a sentence with its version", () => {
  const java = put("path", openjdk("25.0.1"));
  expect(() => obtainJava(cassandra, places())).toThrow(`Cassandra needs Java 17, and ${java} is Java 25. ${INSTALL}`);
});

test("something else that is called java is a sentence", () => {
  const java = put("path", "usage: java ISLAND");
  expect(() => obtainJava(kafka, places())).toThrow(`${java} does not say which Java it is`);
});

test("no Maven is a sentence", () => {
  expect(() => obtainMaven(folder)).toThrow(
    "Kafka and Cassandra are fetched by Maven, and there is no mvn on this machine. " +
      "Install Maven (Debian and Ubuntu: apt-get install maven; macOS: brew install maven).",
  );
});
