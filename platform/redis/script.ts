/**
 * Lua scripts, each in a file of its own, run by their SHA-1. A server that does not know one (after a restart, FLUSH or failover) is
 * given it and asked again, which is safe: what it did not know it did not run.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";
import { isNoScript, redisProblem } from "./errors.ts";

export interface Script {
  readonly text: string;
  readonly sha: string;
}

export interface ScriptCall {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly (string | number | Uint8Array)[];
}

/** A command as it is. */
export type Command = readonly [command: string, ...args: string[]];

/** Of one file, or of several, one after the other. */
export function script(...files: readonly URL[]): Script {
  const text = files.map((file) => readFileSync(file, "utf8")).join("");
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/**
 * One round trip for all of it, in order: `before`, the calls, `after`; one answer each, texts as bytes. Rejects when any has failed: then
 * each may have been done or not. What stands behind the calls is answered as it was when all of them had been done.
 */
export async function runScripts(
  redis: Redis,
  calls: readonly ScriptCall[],
  { before = [], after = [] }: { readonly before?: readonly Command[]; readonly after?: readonly Command[] } = {},
): Promise<unknown[]> {
  const replies = await exchange(redis, calls, before, after);
  const unknown = replies.flatMap(([error], place) => (isNoScript(error) ? [place] : []));
  if (unknown.length > 0) {
    const again = unknown.map((place) => calls[place - before.length] as ScriptCall);
    const places = [...unknown, ...after.map((_, place) => before.length + calls.length + place)];
    await Promise.all([...new Set(again.map((call) => call.script.text))].map((text) => redis.script("LOAD", text))).catch((error) => {
      throw redisProblem(error);
    });
    for (const [index, reply] of (await exchange(redis, again, [], after)).entries()) replies[places[index] as number] = reply;
  }
  return replies.map(([error, value]) => {
    if (error) throw redisProblem(error);
    return value;
  });
}

type Reply = [error: Error | null, value: unknown];

async function exchange(
  redis: Redis,
  calls: readonly ScriptCall[],
  before: readonly Command[],
  after: readonly Command[],
): Promise<Reply[]> {
  const pipeline = redis.pipeline();
  for (const [command, ...args] of before) pipeline.callBuffer(command, ...args);
  for (const { script, keys, args } of calls)
    pipeline.callBuffer("EVALSHA", script.sha, keys.length, ...keys, ...(args as (string | Buffer)[]));
  for (const [command, ...args] of after) pipeline.callBuffer(command, ...args);
  return (await pipeline.exec()) as Reply[];
}
