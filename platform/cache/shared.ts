/**
 * What the processes share: values in Redis, and who is loading or writing one. See the .lua files for what a key holds.
 *
 * What could not be dropped is owed, and dropped as soon as the server is back.
 */
import { randomUUID } from "node:crypto";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { runScripts, type Script, script } from "#platform/redis/script.ts";

export type Found = { readonly is: "value"; readonly bytes: Uint8Array } | { readonly is: "claimed" | "loading" | "writing" };

export interface SharedNeeds {
  readonly connection: RedisConnection;
  readonly prefix: string;
  readonly ttlMs: number;
  /** So many keys could not be dropped. */
  readonly owing: (keys: number) => void;
}

/** Longer than a load takes; one that takes longer fills nothing in. */
const CLAIM_MS = 3_000;
/** Longer than a write takes. */
const WRITE_MS = 30_000;
/** Beyond it the oldest is left to its time to live. */
const MOST_OWED = 10_000;

const VALUE = "V".charCodeAt(0);
const LOADING = "C";
const lua = (name: string) => script(new URL(`./${name}.lua`, import.meta.url));
const scripts = { claim: lua("claim"), fill: lua("fill"), write: lua("write"), drop: lua("drop") };

export class Shared {
  readonly #needs: SharedNeeds;
  readonly #owed = new Set<string>();

  constructor(needs: SharedNeeds) {
    this.#needs = needs;
    needs.connection.onReturn(() => void this.drop([]));
  }

  /** `who` is for `fill`. Rejects when the server cannot be asked. */
  async claim(keys: readonly string[]): Promise<{ readonly who: string; readonly found: ReadonlyMap<string, Found> }> {
    const who = randomUUID();
    const answers = (await this.#run(scripts.claim, keys, [who, CLAIM_MS])) as (Uint8Array | null)[];
    return { who, found: new Map(keys.map((key, place) => [key, foundOf(answers[place])])) };
  }

  /** Keeps the values of what was claimed; of those without, the claim ends. */
  async fill(who: string, values: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    const marked = [...values.values()].map((bytes) => (bytes ? Buffer.concat([Buffer.of(VALUE), bytes]) : ""));
    await this.#run(scripts.fill, [...values.keys()], [who, this.#needs.ttlMs, ...marked]);
  }

  /** Answers who writes, for `drop`. Never rejects: a write does not depend on a cache. */
  async write(keys: readonly string[]): Promise<string> {
    const who = randomUUID();
    await this.#run(scripts.write, keys, [who, WRITE_MS]).catch(() => undefined);
    return who;
  }

  /** What was owed as well. Never rejects. */
  async drop(keys: readonly string[], who = ""): Promise<void> {
    const all = [...new Set([...this.#owed, ...keys])];
    if (all.length === 0) return;
    for (const key of all) this.#owed.delete(key);
    try {
      await this.#run(scripts.drop, all, [who]);
    } catch {
      for (const key of all) this.#owed.add(key);
      for (const key of this.#owed) {
        if (this.#owed.size <= MOST_OWED) break;
        this.#owed.delete(key);
      }
      this.#needs.owing(keys.length);
    }
  }

  async #run(script: Script, keys: readonly string[], args: readonly (string | number | Uint8Array)[]): Promise<unknown[]> {
    const { connection, prefix } = this.#needs;
    const [answers] = await runScripts(connection.redis, [{ script, keys: keys.map((key) => prefix + key), args }]);
    return (answers ?? []) as unknown[];
  }
}

function foundOf(answer: Uint8Array | null | undefined): Found {
  if (!answer) return { is: "claimed" };
  if (answer[0] === VALUE) return { is: "value", bytes: answer.subarray(1) };
  return { is: String(answer) === LOADING ? "loading" : "writing" };
}
