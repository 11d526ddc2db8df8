/**
 * A world to test in: the whole service as a user starts it, in the form that the vitest project says (TEST_FORM): everything in one
 * process on SQLite, everything in one process on real engines, or a process for each module on real engines. Whoever says nothing, as the
 * bench does, has the first.
 *
 * What a test says to a world means the same in every form: it cannot tell which one it has.
 */
import { startEmbedded } from "./embedded.ts";

export interface World {
  /** Of the REST facades, Connect and the pages. After `heal` the addresses may be others. */
  readonly url: string;
  readonly legacyUrl: string;
  /** Where gRPC is answered, as host:port. */
  readonly grpcAddress: string;
  /** 0 in production, which has no mailbox to send to. */
  readonly smtpPort: number;
  /** The first API key, where this start printed one; else empty. */
  readonly credential: string;
  readonly dataDir: string;
  /** Of the process that everybody calls. */
  readonly pid: number;
  hasEnded(): boolean;
  /** What its processes have printed so far. */
  output(): string;
  /** Ends all processes by a signal and answers their exit code, null where a signal ended one; what they kept stays. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Ends the process that runs the module, by SIGKILL unless told otherwise: in the forms of one process, all of it. */
  kill(module: string, signal?: NodeJS.Signals): Promise<void>;
  /** Starts again what has ended; resolves when all of it is ready. */
  heal(): Promise<void>;
  /** Drains, and removes what this world made: a data directory that it was given stays, and what belongs to it. */
  stop(): Promise<void>;
}

export interface WorldOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Use this directory, with what a world before kept, and keep it. */
  readonly dataDir?: string;
  /** A command that runs the service, as `nice` would. In one process on SQLite only. */
  readonly under?: readonly string[];
}

const form = process.env.TEST_FORM ?? "embedded";

/** A world that no other test sees. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  if (form === "embedded") return startEmbedded(options);
  const { startMesh } = await import("./mesh.ts");
  return startMesh({ ...options, oneProcess: form === "mesh-one" });
}

let shared: Promise<World> | undefined;

/**
 * A world without settings of its own, which other files may use before and after: for tests that ask about nothing but their own people,
 * templates and notifications. On real engines all files share one, which ends with the tests' process; on SQLite each file has its own.
 */
export async function sharedWorld(): Promise<World> {
  if (form === "embedded") return startWorld();
  shared ??= startWorld();
  return Object.create(await shared, { stop: { value: async () => {} } });
}
