/**
 * A program that runs as long as this process: whatever ends this process ends it too, SIGKILL included (supervise.sh tells how).
 *
 * It is a session of its own, so that a Ctrl-C reaches the launcher alone, which ends its engines in order. Its output goes to a log
 * file, of which the one before is kept; both are the owner's alone, for a first key may be among what is said.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const supervisor = fileURLToPath(new URL("./supervise.sh", import.meta.url));
/** How long a program may take to end after SIGTERM, where it says nothing else. */
const GRACE_S = 10;

export interface Program {
  /** Names the log file and the pid file. */
  readonly name: string;
  /** Its working directory, named in its arguments too: by this it is known again. */
  readonly dir: string;
  readonly command: string;
  readonly args: readonly string[];
  /** How long it may take to end after SIGTERM. Default 10. */
  readonly graceS?: number;
  /** Beside what this process has; undefined: without it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Supervised {
  readonly name: string;
  readonly pid: number;
  /** How it ended, as words that follow its name. Never rejects. */
  readonly ended: Promise<string>;
  /** SIGTERM, and SIGKILL when it is still there after its patience, its grace at most; resolves when it has ended. */
  stop(patienceMs?: number): Promise<void>;
  /** The last lines of its log. */
  lastLines(): string;
}

/** Where its output goes. */
export const logOf = ({ dir, name }: Pick<Program, "dir" | "name">): string => join(dir, `${name}.log`);
const pidFileOf = ({ dir, name }: Program) => join(dir, `${name}.pid`);

export async function runSupervised(program: Program): Promise<Supervised> {
  mkdirSync(program.dir, { recursive: true, mode: 0o700 });
  await outlive(program);
  const child = spawnInto(logOf(program), program);
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be run: ${error.message}`));
    child.once("exit", (code, signal) => resolve(words(code, signal)));
  });
  child.stdin?.on("error", () => {});
  const pid = Number(await firstLine(child));
  return {
    name: program.name,
    pid,
    ended,
    async stop(patienceMs = (program.graceS ?? GRACE_S) * 1_000) {
      child.stdin?.end();
      const impatience = setTimeout(() => kill(pid), patienceMs);
      await ended;
      clearTimeout(impatience);
    },
    lastLines: () => lastLines(logOf(program)),
  };
}

function spawnInto(log: string, { name, dir, command, args, env, graceS = GRACE_S }: Program): ChildProcess {
  try {
    renameSync(log, `${log}.before`);
  } catch {}
  const output = openSync(log, "w", 0o600);
  try {
    return spawn("/bin/sh", [supervisor, join(dir, `${name}.pid`), String(graceS), command, ...args], {
      cwd: dir,
      ...(env && { env: { ...process.env, ...env } }),
      detached: true,
      stdio: ["pipe", "pipe", output],
    });
  } finally {
    closeSync(output);
  }
}

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL");
  } catch {}
};

const words = (code: number | null, signal: NodeJS.Signals | null): string => {
  if (signal) return `was ended by ${signal}`;
  return (code ?? 0) > 128 ? `was ended by signal ${(code ?? 0) - 128}` : `ended with exit code ${code}`;
};

const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    let text = "";
    child.stdout?.on("data", (chunk) => {
      text += chunk;
      if (text.includes("\n")) resolve(text.trim());
    });
    child.stdout?.once("close", () => resolve(text.trim()));
  });

/**
 * Waits for the one that an earlier launcher left behind: it is ending, since its launcher is gone. One whose supervisor was killed too
 * would run for ever, and is ended.
 */
async function outlive(program: Program): Promise<void> {
  const file = pidFileOf(program);
  for (let tenths = 0; ; tenths++) {
    const pid = readPid(file);
    if (pid === undefined) return;
    if (!isAtWork(pid, program.dir)) return rmSync(file, { force: true });
    if (tenths === ((program.graceS ?? GRACE_S) + 2) * 10) kill(pid);
    await pause(100);
  }
}

function readPid(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "utf8")) || undefined;
  } catch {
    return undefined;
  }
}

/** Whether that process is one of ours and not a later one with the same number: its arguments name the directory. */
function isAtWork(pid: number, dir: string): boolean {
  try {
    return execFileSync("ps", ["-ww", "-o", "args=", "-p", String(pid)], { encoding: "utf8" }).includes(dir);
  } catch {
    return false;
  }
}

const LINES = 6;
const LONGEST_LINE = 300;

/** Without the frames of stack traces, which push out what was said. */
function lastLines(log: string): string {
  const told = readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s+(at |\.\.\. \d+ )/.test(line));
  return told
    .slice(-LINES)
    .map((line) => `  ${line.slice(0, LONGEST_LINE)}`)
    .join("\n");
}
