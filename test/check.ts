/**
 * `npm run check`: everything about the tree that can be checked without running the service. Each check prints one line, and what it
 * found when it found something; the last line sums up, and the exit code is 1 when any failed.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateCode } from "../deploy/generated.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = (name: string) => join(root, "node_modules/.bin", name);

/** Continuous integration may check out as another user than it runs as. */
const env = { ...process.env, GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" };

/** What a check found wrong; throws of other kinds are failures of the check itself and are shown just so. */
class Found extends Error {}

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: "utf8", env, maxBuffer: 64 * 1024 * 1024 });
  if (error) throw error;
  if (status !== 0) throw new Found(`${stdout}${stderr}`.trim() || `${command} ${args.join(" ")} ended with ${status}`);
  return stdout.trim();
}

const tryRun = (command: string, ...args: string[]): string | undefined => {
  try {
    return run(command, ...args);
  } catch (error) {
    if (error instanceof Found) return undefined;
    throw error;
  }
};

/** The last tag, else the first parent. A shallow clone may have neither at hand: then the parent is fetched. */
function base(): string | undefined {
  const tag = tryRun("git", "describe", "--tags", "--abbrev=0");
  if (tag !== undefined) return tryRun("git", "rev-parse", "--verify", "--quiet", `${tag}^{commit}`);
  const parent = /^parent ([0-9a-f]+)$/m.exec(run("git", "cat-file", "commit", "HEAD"))?.[1];
  if (parent === undefined) return undefined;
  const isThere = () => tryRun("git", "cat-file", "-e", `${parent}^{commit}`) !== undefined;
  if (!isThere()) tryRun("git", "fetch", "--quiet", "--depth=1", "origin", parent);
  return isThere() ? parent : undefined;
}

function breaking(): string | undefined {
  const ref = base();
  if (ref === undefined) return "nothing to compare with: there is no tag and no parent commit here";
  if (tryRun("git", "cat-file", "-e", `${ref}:proto`) === undefined) return `nothing to compare with: ${ref.slice(0, 9)} has no proto/`;
  const folder = mkdtempSync(join(tmpdir(), "carillon-breaking-"));
  try {
    // Unpacked rather than given to buf as .git#ref=…, which fetches: that fails for a bare commit of a shallow clone.
    run("git", "archive", "--format=tar", "-o", join(folder, "base.tar"), ref, "proto", "vendor-proto", "buf.yaml");
    run(bin("buf"), "breaking", "--against", join(folder, "base.tar"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return undefined;
}

function generated(): void {
  const folder = mkdtempSync(join(tmpdir(), "carillon-generated-"));
  try {
    generateCode(folder);
    compare(filesUnder(join(folder, "gen")), filesUnder(join(root, "gen")), "gen/");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function docs(): Promise<void> {
  const { pages } = await import("../deploy/docs.ts");
  const wanted = pages();
  const there = new Map(
    [...wanted.keys()].flatMap((path) => (tryRead(join(root, path)) === undefined ? [] : [[path, readFileSync(join(root, path), "utf8")]])),
  );
  compare(wanted, there, "");
}

const tryRead = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

const filesUnder = (folder: string): Map<string, string> =>
  new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]),
  );

function compare(wanted: ReadonlyMap<string, string>, there: ReadonlyMap<string, string>, prefix: string): void {
  const stale = [...new Set([...wanted.keys(), ...there.keys()])].filter((path) => wanted.get(path) !== there.get(path)).sort();
  if (stale.length > 0) throw new Found(`Out of date, run \`npm run generate\`:\n${stale.map((path) => `  ${prefix}${path}`).join("\n")}`);
}

/** npm leaves packages of other platforms out of a lock file that it writes with node_modules in place, and then refuses that very file. */
function lockFile(): void {
  interface Locked {
    readonly dependencies?: Record<string, string>;
    readonly optionalDependencies?: Record<string, string>;
  }
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { packages: Record<string, Locked> };
  const isNamed = (place: string, name: string): boolean =>
    `${place === "" ? "" : `${place}/`}node_modules/${name}` in packages ||
    (place !== "" && isNamed(place.slice(0, Math.max(0, place.lastIndexOf("/node_modules/"))), name));
  const missing = Object.entries(packages).flatMap(([place, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !isNamed(place, name))
      .map((name) => `  ${name}, which ${place || "package.json"} names`),
  );
  if (missing.length > 0) throw new Found(`package-lock.json lacks, so that npm ci would fail:\n${missing.join("\n")}`);
}

/** Answers a sentence when there was nothing to check, else nothing. */
type Check = () => unknown;

const checks: readonly (readonly [name: string, check: Check])[] = [
  ["lock file is whole", lockFile],
  ["buf lint", () => void run(bin("buf"), "lint")],
  ["buf format", () => void run(bin("buf"), "format", "--diff", "--exit-code", "proto")],
  ["buf breaking", breaking],
  ["generated code is up to date", generated],
  ["Biome", () => void run(bin("biome"), "check", "--error-on-warnings", "--max-diagnostics=200", ".")],
  ["types", () => void run(bin("tsc"), "--noEmit", "-p", ".")],
  ["docs are up to date", docs],
  [
    "house rules",
    () => void run(process.execPath, join(root, "node_modules/vitest/vitest.mjs"), "run", "--project=unit", "test/house.test.ts"),
  ],
];

const failed: string[] = [];
for (const [name, check] of checks) {
  const since = performance.now();
  const took = () => `${((performance.now() - since) / 1_000).toFixed(1)} s`;
  try {
    const nothing = await check();
    console.log(typeof nothing === "string" ? `- ${name}: ${nothing}` : `ok ${name} (${took()})`);
  } catch (error) {
    failed.push(name);
    console.log(`FAILED ${name} (${took()})\n${error instanceof Found ? error.message : (error as Error).stack}\n`);
  }
}
console.log(
  failed.length === 0 ? `All ${checks.length} checks passed.` : `${failed.length} of ${checks.length} checks failed: ${failed.join(", ")}.`,
);
process.exit(failed.length === 0 ? 0 : 1);
