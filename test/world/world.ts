/**
 * A world to test in: the whole service as a process of its own, as a user starts it, with free ports and a data directory of its own.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("../..", import.meta.url).pathname;

/** A test that fails, or times out, may leave its world running: it ends with the tests' own process. */
const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
process.once("SIGTERM", () => process.exit());

export interface World {
  /** Of the REST facades, Connect and the pages. */
  readonly url: string;
  readonly legacyUrl: string;
  /** Where gRPC is answered, as host:port. */
  readonly grpcAddress: string;
  /** 0 in production, which has no mailbox to send to. */
  readonly smtpPort: number;
  /** The first API key, where this start printed one; else empty. */
  readonly credential: string;
  readonly dataDir: string;
  readonly pid: number;
  hasEnded(): boolean;
  /** What the process has printed so far. */
  output(): string;
  /** Ends the process by a signal and answers its exit code; the data directory stays. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Drains, and removes the data directory when this world made it. */
  stop(): Promise<void>;
}

export interface WorldOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Use this directory and keep it. */
  readonly dataDir?: string;
  /** A command that runs the service, as `nice` would. */
  readonly under?: readonly string[];
}

export async function startWorld({ env = {}, dataDir, under = [] }: WorldOptions = {}): Promise<World> {
  const directory = dataDir ?? mkdtempSync(join(tmpdir(), "carillon-world-"));
  const [command = process.execPath, ...args] = [
    ...under,
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    join(root, "services/main.ts"),
  ];
  const child = spawn(command, args, {
    // Away from whatever carillon.yaml lies where the tests were started.
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...inherited(),
      CARILLON_HTTP_PORT: "0",
      CARILLON_LEGACY_HTTP_PORT: "0",
      CARILLON_GRPC_PORT: "0",
      CARILLON_SMTP_SINK_PORT: "0",
      CARILLON_DATA_DIR: directory,
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
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exit;
  };
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    url: found(/^Carillon ready (https?:\S+)/),
    legacyUrl: found(/ also (https?:\S+)/),
    grpcAddress: found(/ grpc (\S+)/),
    smtpPort: Number(/ smtp \S+:(\d+)/.exec(ready)?.[1] ?? 0),
    credential: /^The first API key.*: (\S+)$/m.exec(printed.text)?.[1] ?? "",
    dataDir: directory,
    pid: child.pid as number,
    hasEnded,
    output: () => printed.text,
    end,
    async stop() {
      if (!hasEnded()) await end("SIGTERM");
      if (dataDir === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

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
