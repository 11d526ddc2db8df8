/** The cache of jars, with a Maven that writes a file instead of asking Maven Central. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { obtainJars } from "./jars.ts";

let folder: string;
let cacheDir: string;
const said: string[] = [];
const logger = { info: (sentence: string) => void said.push(sentence), warn: () => {} };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "carillon-jars-"));
  cacheDir = join(folder, "cache");
  said.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Its `body` finds the output folder in $out; every run adds a line to `runs`. */
function putMaven(body: string): void {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  const script = `#!/bin/sh
echo run >> ${join(folder, "runs")}
for each; do case $each in -DoutputDirectory=*) out=\${each#*=};; esac; done
${body}
`;
  writeFileSync(join(bin, "mvn"), script);
  chmodSync(join(bin, "mvn"), 0o755);
}
const obtain = (profile: "kafka" | "cassandra" = "kafka") =>
  obtainJars(profile, { logger, cacheDir, path: `${join(folder, "bin")}${delimiter}/bin${delimiter}/usr/bin` });
const runs = () => (existsSync(join(folder, "runs")) ? readFileSync(join(folder, "runs"), "utf8").split("\n").length - 1 : 0);
const kept = () => readdirSync(cacheDir).filter((name) => !name.startsWith("fetching"));

test("jars are fetched once and found afterwards, without Maven", async () => {
  putMaven('echo jar > "$out/kafka.jar"');
  const first = await obtain();
  expect(readdirSync(first)).toEqual(["kafka.jar"]);
  rmSync(join(folder, "bin"), { recursive: true });
  expect(await obtainJars("kafka", { logger, cacheDir, path: folder })).toBe(first);
  expect(runs()).toBe(1);
  expect(said).toEqual(["Fetching the jars of kafka with Maven, once for this machine …"]);
});

test("each engine has a folder of its own", async () => {
  putMaven('echo jar > "$out/some.jar"');
  expect(await obtain("kafka")).not.toBe(await obtain("cassandra"));
  expect(runs()).toBe(2);
});

test("two starts at once fetch once, and both find everything", async () => {
  putMaven('sleep 0.3; echo jar > "$out/kafka.jar"');
  const [one, other] = await Promise.all([obtain(), obtain()]);
  expect(one).toBe(other);
  expect(readdirSync(one)).toEqual(["kafka.jar"]);
  expect(runs()).toBe(1);
  expect(said).toContain("Another start fetches jars; waiting for it.");
});

test("what Maven could not fetch is a sentence with what it said, and leaves nothing behind", async () => {
  putMaven('echo half > "$out/kafka.jar"; echo "[ERROR] Could not transfer artifact"; exit 1');
  await expect(obtain()).rejects.toThrow(
    "Maven could not fetch the jars of kafka (is Maven Central reachable?): Could not transfer artifact",
  );
  expect(kept()).toEqual([]);
  putMaven('echo jar > "$out/kafka.jar"');
  expect(readdirSync(await obtain())).toEqual(["kafka.jar"]);
});

test("what a fetch that was killed left behind is removed by the next", async () => {
  mkdirSync(join(cacheDir, "unfinished-Xy12ab"), { recursive: true });
  writeFileSync(join(cacheDir, "unfinished-Xy12ab/half.jar"), "ha");
  putMaven('echo jar > "$out/kafka.jar"');
  const jars = await obtain();
  expect(kept()).toEqual([jars.slice(cacheDir.length + 1)]);
});
