/** Redis, twice: one forgets what was not used for long when its memory is full, the other never forgets and writes everything down. */
import { Redis } from "ioredis";
import type { EngineLog, EnginePlan } from "./engine.ts";
import type { Ports } from "./port.ts";
import { obtainProgram } from "./program.ts";

export const obtainRedis = (logger: EngineLog): string =>
  obtainProgram(
    {
      title: "Redis",
      program: "redis-server",
      oldest: [7, 0],
      version: /\bv=(\d+)\.(\d+)/,
      aptPackage: "redis-server",
      brewFormula: "redis",
    },
    logger,
  );

const ROLES = {
  "redis-cache": ["--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"],
  "redis-ledger": ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"],
};

export async function planRedis(program: string, name: keyof typeof ROLES, dir: string, ports: Ports): Promise<readonly EnginePlan[]> {
  const port = await ports.take(name);
  const args = [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", ...ROLES[name]],
    // Otherwise it would replace its arguments, by which it is known again.
    ...["--set-proc-title", "no"],
  ];
  return [{ name, dir, command: program, args, port, ports: [port], ask: () => askRedis(`redis://127.0.0.1:${port}`) }];
}

/** Throws unless Redis answers there; it does not before it has read its file. */
export async function askRedis(address: string): Promise<void> {
  const redis = new Redis(address, { lazyConnect: true, connectTimeout: 2_000, commandTimeout: 2_000, retryStrategy: () => null });
  redis.on("error", () => {});
  try {
    await redis.connect();
    await redis.ping();
  } finally {
    redis.disconnect();
  }
}
