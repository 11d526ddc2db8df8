/**
 * Runs one of the project's scripts straight after a clone: `node deploy/bootstrap.mjs SCRIPT [ARGUMENT …]`.
 *
 * It needs Node 20 or later and npm, and nothing installed: hence plain JavaScript. It installs what package-lock.json says when
 * node_modules holds something else, fetches Node 22 with npx where another Node runs it, and then becomes the script: in this very
 * process under Node 22, else as the parent of one, passing signals down and the exit code up. It prints nothing unless it installs.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NODE = "22.23.3";
/** From here on Node 22 runs TypeScript without a flag. */
const OLDEST_MINOR = 18;

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
/** Where Node 22 was found, for the next start; in node_modules, since nothing else is sure to be ours and not committed. */
const remembered = join(modules, ".carillon-node");
/** Beside node_modules, whose contents an install removes. */
const lock = join(root, ".install.lock");
const LOCK_STALE_MS = 30_000;

const say = (sentence) => process.stderr.write(`${sentence}\n`);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const version = process.versions.node.split(".").map(Number);
const isRightNode = version[0] === 22 && version[1] >= OLDEST_MINOR;

function fail(sentence) {
  say(sentence);
  process.exit(1);
}

/** Runs a program to its end, with its signals being ours; answers its exit code and, where asked for, what it printed. */
function run(command, args, { stdio, env = process.env, cwd = process.cwd() }) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { stdio, env, cwd, shell: process.platform === "win32" && command !== process.execPath });
    let printed = "";
    child.stdout?.on("data", (chunk) => {
      printed += chunk;
    });
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    const pass = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, pass);
    child.once("error", failed);
    child.once("close", (code, signal) => {
      for (const each of signals) process.off(each, pass);
      done({ code, signal, printed });
    });
  });
}

/** Ends as the child ended: a signal that ended it ends this process too. */
function endAs({ code, signal }) {
  if (signal) process.kill(process.pid, signal);
  else process.exit(code ?? 1);
}

/**
 * Whether node_modules is what package-lock.json says. npm writes its own lock into node_modules as the last step of an install and
 * removes it first, so an install that was cut off does not count. Optional packages may be another platform's.
 */
function isInstalled() {
  try {
    const packages = (path) => JSON.parse(readFileSync(path, "utf8")).packages;
    const there = packages(join(modules, ".package-lock.json"));
    return Object.entries(packages(join(root, "package-lock.json"))).every(([place, wanted]) => {
      const found = there[place];
      return place === "" || (found ? found.version === wanted.version && found.integrity === wanted.integrity : wanted.optional === true);
    });
  } catch {
    return false;
  }
}

function rememberedNode() {
  try {
    const path = readFileSync(remembered, "utf8").trim();
    return existsSync(path) && path.length > 0 ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Two starts at once install once: the file is held by one process, which keeps touching it; one not touched is left over. */
async function withLock(work) {
  for (let waited = false; !(await takeLock()); waited = true) {
    if (!waited) say("Another start is installing; waiting for it.");
    await pause(200);
  }
  const touch = setInterval(() => {
    try {
      utimesSync(lock, new Date(), new Date());
    } catch {}
  }, 2_000);
  try {
    return await work();
  } finally {
    clearInterval(touch);
    rmSync(lock, { force: true });
  }
}

async function takeLock() {
  try {
    const holder = Number(readFileSync(lock, "utf8"));
    if (isAlive(holder) && Date.now() - statSync(lock).mtimeMs < LOCK_STALE_MS) return false;
    rmSync(lock, { force: true });
  } catch {}
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    // Another process that found the same leftover may have removed this one in the belief that it was the leftover.
    await pause(50);
    return readFileSync(lock, "utf8") === String(process.pid);
  } catch {
    return false;
  }
}

/** An empty file is one that is just being written. */
function isAlive(pid) {
  if (!(pid > 0)) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== "ESRCH";
  }
}

/** The binary of Node 22, by way of the npm package that carries it. */
async function fetchNode() {
  const command = process.platform === "win32" ? '"node -p process.execPath"' : "node -p process.execPath";
  const found = await run("npx", ["-y", "--loglevel=error", "-p", `node@${NODE}`, "-c", command], {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: root,
  });
  const path = found.printed.trim().split("\n").at(-1)?.trim() ?? "";
  if (found.signal) endAs(found);
  if (found.code !== 0 || !existsSync(path))
    fail(`Carillon runs on Node 22, and npx could not fetch node@${NODE}. Is the npm registry reachable?`);
  return path;
}

/** npm itself runs under Node 22 too: other versions do not read this lock file. */
async function install(node) {
  say(`Installing what package-lock.json names (npm ci, Node ${NODE}) …`);
  const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  const ended = await run("npm", args, { stdio: ["ignore", 2, 2], cwd: root, env: environmentFor(node) });
  if (ended.signal) endAs(ended);
  if (ended.code !== 0) fail("npm ci failed; what it printed above says why.");
}

const environmentFor = (node) => ({ ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ""}` });

if (version[0] < 20) fail(`Carillon needs Node 20 or later to start with, and this is Node ${process.versions.node}.`);
const [name, ...args] = process.argv.slice(2);
if (name === undefined) fail("Which script? For example: node deploy/bootstrap.mjs services/main.ts");
const script = resolve(root, name);
if (!existsSync(script)) fail(`There is no script ${name}.`);

let node = isRightNode ? process.execPath : rememberedNode();
if (node === undefined || !isInstalled()) {
  await withLock(async () => {
    node ??= rememberedNode() ?? (await fetchNode());
    if (!isInstalled()) await install(node);
    if (isRightNode) return;
    mkdirSync(modules, { recursive: true });
    writeFileSync(remembered, realpathSync(node));
  });
}

// SQLite in Node 22 is called experimental with every start, which nobody who starts Carillon can act upon.
const QUIET = "ExperimentalWarning";
if (isRightNode) {
  const { emitWarning } = process;
  process.emitWarning = (warning, ...more) => {
    if (![more[0], more[0]?.type, warning?.name].includes(QUIET)) emitWarning.call(process, warning, ...more);
  };
  process.argv = [process.execPath, script, ...args];
  await import(pathToFileURL(script).href);
} else {
  endAs(
    await run(node, [...process.execArgv, `--disable-warning=${QUIET}`, script, ...args], { stdio: "inherit", env: environmentFor(node) }),
  );
}
