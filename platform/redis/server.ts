/** What a Redis server says of itself (INFO), and what is wrong with it for its purpose, in sentences. */

export interface RedisServer {
  readonly version: string;
  /** Another one after every start of the server, and after a failover to another. */
  readonly runId: string;
  readonly evicts: string;
  readonly appendsOnly: boolean;
}

/** The oldest that still gets mended; what is used here (effects of scripts replicated, RESP3, ACLs) is in it. */
const OLDEST = [6, 2] as const;

export function serverOf(info: string): RedisServer {
  const fields = new Map(info.split("\r\n").map((line) => line.split(/:(.*)/s, 2) as [string, string]));
  return {
    version: fields.get("redis_version") ?? "",
    runId: fields.get("run_id") ?? "",
    evicts: fields.get("maxmemory_policy") ?? "",
    appendsOnly: fields.get("aof_enabled") === "1",
  };
}

export function isTooOld({ version }: RedisServer): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

export const oldest = OLDEST.join(".");

/** Why this server may lose what it must keep. */
export function forgetfulness({ evicts, appendsOnly }: RedisServer): string[] {
  return [
    ...(evicts === "noeviction" ? [] : [`it evicts keys when memory is short: set maxmemory-policy to noeviction (it is ${evicts})`]),
    ...(appendsOnly ? [] : ["it forgets its last writes when it dies: set appendonly to yes"]),
  ];
}
