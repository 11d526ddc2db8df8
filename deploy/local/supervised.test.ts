import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runSupervised, type Supervised } from "./supervised.ts";

let dir: string;
const running: Supervised[] = [];
const launchers: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "carillon-supervised-"));
});
afterEach(async () => {
  for (const launcher of launchers.splice(0)) launcher.kill("SIGKILL");
  await Promise.all(running.splice(0).map((each) => each.stop(0)));
  rmSync(dir, { recursive: true, force: true });
});

/** An engine in shell. Its directory is among its arguments, as an engine's is. */
async function run(script: string): Promise<Supervised> {
  const started = await runSupervised({ name: "engine", dir, command: "/bin/sh", args: ["-c", script, dir] });
  running.push(started);
  return started;
}
/** On a machine that has much else to do. */
const SOON = { timeout: 10_000 };
const STAY = "while :; do sleep 0.05; done";
const STUBBORN = `trap '' TERM; echo deaf; ${STAY}`;

/** Its parent and its state, while there is such a process. */
const processOf = (pid: number): { parent: number; state: string } | undefined => {
  const [parent, state] = spawnSync("ps", ["-o", "ppid=,stat=", "-p", String(pid)], { encoding: "utf8" })
    .stdout.trim()
    .split(/\s+/);
  return state === undefined ? undefined : { parent: Number(parent), state };
};
/** One that has ended and waits for its parent to notice is not. */
const isAlive = (pid: number): boolean => !(processOf(pid)?.state ?? "Z").startsWith("Z");
const log = () => readFileSync(join(dir, "engine.log"), "utf8");

/** A launcher in a process of its own; answers it with the pid of its engine. */
async function launch(script: string): Promise<{ launcher: ChildProcess; pid: number }> {
  const fixture = fileURLToPath(new URL("./supervised.fixture.ts", import.meta.url));
  const launcher = spawn(process.execPath, [fixture, dir, script], { stdio: ["ignore", "pipe", "inherit"] });
  launchers.push(launcher);
  const pid = await new Promise<number>((resolve) => launcher.stdout?.once("data", (line) => resolve(Number(line))));
  return { launcher, pid };
}

test("it runs until it is stopped", async () => {
  const engine = await run(STAY);
  expect(isAlive(engine.pid)).toBe(true);
  await engine.stop();
  expect(isAlive(engine.pid)).toBe(false);
  expect(await engine.ended).toBe("was ended by signal 15");
});

test("one that does not listen to SIGTERM is killed when patience ends", async () => {
  const engine = await run(STUBBORN);
  await expect.poll(log, SOON).toContain("deaf");
  await engine.stop(200);
  expect(await engine.ended).toBe("was ended by signal 9");
  expect(isAlive(engine.pid)).toBe(false);
});

test("one that is stopped by SIGSTOP is ended too", async () => {
  const engine = await run(STAY);
  process.kill(engine.pid, "SIGSTOP");
  await engine.stop(200);
  expect(isAlive(engine.pid)).toBe(false);
});

test("how it ended by itself is told, and its last lines without the frames of a stack trace", async () => {
  const engine = await run("echo first; echo '  at org.example.Deep(Deep.java:1)'; echo the port is taken >&2; exit 3");
  expect(await engine.ended).toBe("ended with exit code 3");
  expect(engine.lastLines()).toBe("  first\n  the port is taken");
});

test("a program that is not there is told like one that ended", async () => {
  const engine = await runSupervised({ name: "engine", dir, command: join(dir, "missing"), args: [] });
  expect(await engine.ended).toBe("ended with exit code 127");
  expect(engine.lastLines()).toMatch(/missing: not found|No such file/);
});

test.each(["SIGKILL", "SIGTERM"] as const)("it ends when its launcher is ended by %s", async (signal) => {
  const { launcher, pid } = await launch(STAY);
  expect(isAlive(pid)).toBe(true);
  launcher.kill(signal);
  await expect.poll(() => isAlive(pid), SOON).toBe(false);
  await expect.poll(() => existsSync(join(dir, "engine.pid")), SOON).toBe(false);
});

test("it does not outlive its supervisor", async () => {
  const engine = await run(STAY);
  process.kill(processOf(engine.pid)?.parent as number, "SIGKILL");
  expect(await engine.ended).toBe("was ended by SIGKILL");
  await expect.poll(() => isAlive(engine.pid), SOON).toBe(false);
});

test("the next one begins when the one that a killed launcher left behind has ended", async () => {
  const { launcher, pid } = await launch("trap 'sleep 0.5; exit 0' TERM; while :; do sleep 0.05; done");
  launcher.kill("SIGKILL");
  const next = await run(STAY);
  expect(isAlive(pid)).toBe(false);
  expect(isAlive(next.pid)).toBe(true);
});

test("a pid file whose number is now another program's is stale, and that program is left alone", async () => {
  const other = spawn("/bin/sleep", ["60"]);
  try {
    writeFileSync(join(dir, "engine.pid"), `${other.pid}\n`);
    const engine = await run(STAY);
    expect(Number(readFileSync(join(dir, "engine.pid"), "utf8"))).toBe(engine.pid);
    expect(isAlive(other.pid as number)).toBe(true);
  } finally {
    other.kill("SIGKILL");
  }
});

test("what it says is for its owner only", async () => {
  await (await run("echo one")).ended;
  await (await run("echo two")).ended;
  const modes = ["engine.log", "engine.log.before"].map((name) => statSync(join(dir, name)).mode & 0o777);
  expect(modes).toEqual([0o600, 0o600]);
});

test("the log of the run before is kept beside the new one", async () => {
  await (await run("echo one")).ended;
  await (await run("echo two")).ended;
  expect(log()).toBe("two\n");
  expect(readFileSync(join(dir, "engine.log.before"), "utf8")).toBe("one\n");
});
