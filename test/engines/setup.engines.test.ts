/**
 * What tests on engines are given: here, on a machine that has Redis and nothing else, which is a PATH without Maven and MariaDB, and a
 * cache without jars.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { findProgram } from "../../deploy/local/program.ts";

const folder = mkdtempSync(join(tmpdir(), "carillon-redis-only-"));
mkdirSync(join(folder, "bin"));
for (const name of ["sh", "rm", "sleep", "find", "ps", "redis-server"]) symlinkSync(findProgram(name) as string, join(folder, "bin", name));
afterAll(() => rmSync(folder, { recursive: true }));

const root = fileURLToPath(new URL("../..", import.meta.url));
const config = fileURLToPath(new URL("./vitest.fixture.ts", import.meta.url));

function run(more: NodeJS.ProcessEnv = {}) {
  const { CARILLON_TEST_ENGINES: _, ...inherited } = process.env;
  const env = { ...inherited, PATH: join(folder, "bin"), XDG_CACHE_HOME: folder, NO_COLOR: "1", ...more };
  const child = spawn(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", "--config", config], { env, cwd: root });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (text += chunk));
  return { child, said: () => text, ended: new Promise<number | null>((resolve) => child.once("close", resolve)) };
}

/** The process and the data directory of the engine that the run had. */
function engineOf(text: string): { pid: number; dir: string } {
  const [, pid, dir] = /Redis (\d+) in (\S+)\.\n/.exec(text) ?? [];
  return { pid: Number(pid), dir: dir as string };
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("what needs a missing engine is skipped with how to get it, the rest runs, and nothing is left", async () => {
  const { said, ended } = run();
  expect(await ended, said()).toBe(0);
  expect(said()).toContain(
    "Tests that need kafka are skipped. Kafka and Cassandra are fetched by Maven, and there is no mvn on this machine.",
  );
  expect(said()).toMatch(/Tests +1 passed \| 1 skipped \(2\)/);
  const { pid, dir } = engineOf(said());
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(join(dir, ".."))).toBe(false);
});

test.each(["SIGKILL", "SIGINT"] as const)("a run that is ended by %s leaves no engine and no data", async (signal) => {
  const { child, said, ended } = run({ STAY: "1" });
  await expect.poll(said, { timeout: 30_000 }).toMatch(/Redis \d+ in /);
  const { pid, dir } = engineOf(said());
  expect(isAlive(pid)).toBe(true);
  child.kill(signal);
  await ended;
  await expect.poll(() => isAlive(pid), { timeout: 30_000 }).toBe(false);
  await expect.poll(() => existsSync(join(dir, "..")), { timeout: 30_000 }).toBe(false);
});
