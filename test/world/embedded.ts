/** A world in one process on SQLite, with free ports and a data directory of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { World, WorldOptions } from "./world.ts";

const root = new URL("../..", import.meta.url).pathname;

/** A test that fails, or times out, may leave its world running: it ends with the tests' own process, and what it kept is removed. */
const children = new Set<ChildProcess>();
const own = new Set<string>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const dataDir of own) rmSync(dataDir, { recursive: true, force: true });
});
process.once("SIGTERM", () => process.exit());

export async function startEmbedded(options: WorldOptions): Promise<World> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "carillon-world-"));
  if (options.dataDir === undefined) own.add(dataDir);
  let running = await startProcess(dataDir, options);
  const { credential } = running;
  const end = (signal: NodeJS.Signals) => {
    running.child.kill(signal);
    return running.exit;
  };
  return {
    ...{ dataDir, credential },
    env: { ...options.env, CARILLON_DATA_DIR: dataDir },
    get url() {
      return running.url;
    },
    get legacyUrl() {
      return running.legacyUrl;
    },
    get grpcAddress() {
      return running.grpcAddress;
    },
    get smtpPort() {
      return running.smtpPort;
    },
    get pid() {
      return running.child.pid as number;
    },
    hasEnded: () => running.hasEnded(),
    output: () => running.printed.text,
    end,
    async kill(_module, signal = "SIGKILL") {
      await end(signal);
    },
    async heal() {
      if (running.hasEnded()) running = await startProcess(dataDir, options);
    },
    async stop() {
      if (!running.hasEnded()) await end("SIGTERM");
      if (own.delete(dataDir)) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function startProcess(dataDir: string, { env = {}, under = [] }: WorldOptions) {
  const [command = process.execPath, ...args] = [
    ...under,
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    "--max-semi-space-size=64",
    join(root, "services/main.ts"),
  ];
  const child = spawn(command, args, {
    // Away from whatever carillon.yaml lies where the tests were started.
    cwd: dataDir,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...inherited(),
      CARILLON_HTTP_PORT: "0",
      CARILLON_LEGACY_HTTP_PORT: "0",
      CARILLON_GRPC_PORT: "0",
      CARILLON_SMTP_SINK_PORT: "0",
      CARILLON_DATA_DIR: dataDir,
      ...env,
    },
  });
  children.add(child);
  const exit = new Promise<number | null>((resolve) =>
    child.once("exit", (code) => {
      children.delete(child);
      resolve(code);
    }),
  );
  const printed = collect(child);
  const ready = await readyLine(child, printed, exit);
  const found = (pattern: RegExp) => {
    const match = pattern.exec(ready)?.[1];
    if (match === undefined) throw new Error(`the ready line lacks ${pattern}: ${ready}`);
    return match;
  };
  return {
    ...{ child, exit, printed },
    url: found(/^Carillon ready (https?:\S+)/),
    legacyUrl: found(/ also (https?:\S+)/),
    grpcAddress: found(/ grpc (\S+)/),
    smtpPort: Number(/ smtp \S+:(\d+)/.exec(ready)?.[1] ?? 0),
    credential: credentialIn(printed.text),
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
  };
}

/** The first API key, where it was printed; else empty. */
export const credentialIn = (output: string): string => /^The first API key.*: (\S+)$/m.exec(output)?.[1] ?? "";

/** The tests' own environment without settings of whoever runs them. */
const inherited = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CARILLON_")));

function collect(child: ChildProcess): { text: string } {
  const printed = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (printed.text += chunk.toString()));
  return printed;
}

function readyLine(child: ChildProcess, printed: { text: string }, exit: Promise<number | null>): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const line = /^Carillon ready .*\n/m.exec(printed.text)?.[0];
      if (line) resolve(line.trimEnd());
    };
    child.stdout?.on("data", look);
    exit.then((code) => reject(new Error(`the service ended with ${code} before it was ready:\n${printed.text}`)));
  });
}
