/**
 * What the sentinel and the restorer have of the ledger's Redis: its keys, and instead of each of their scripts what it means. A server that
 * loses everything loses these too.
 */
import type { RedisConnection } from "#platform/redis/connect.ts";
import { script } from "#platform/redis/script.ts";
import type { Process } from "./process.ts";
import { silent } from "./rooms.ts";
import type { Wire } from "./wire.ts";

/** The server never restarts. */
export const RUN = "the only run";

export class Keys {
  readonly #nowMs: () => number;
  readonly #kept = new Map<string, { readonly value: string; readonly untilMs: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get(name: string): string | null {
    const known = this.#kept.get(name);
    return known && this.#nowMs() < known.untilMs ? known.value : null;
  }

  set(name: string, value: string, forMs = Number.POSITIVE_INFINITY): void {
    this.#kept.set(name, { value, untilMs: this.#nowMs() + forMs });
  }

  delete(name: string): void {
    this.#kept.delete(name);
  }
}

type Meaning = (keys: Keys, names: readonly string[], args: readonly string[]) => unknown;
export type Meanings = Readonly<Record<"claim" | "reach" | "end", Meaning>>;

export const meanings: Meanings = {
  claim(keys, [claim = "", place = ""], [token = "", forMs]) {
    if (keys.get(claim) !== null) return [0];
    keys.set(claim, token, Number(forMs));
    return [1, keys.get(place)];
  },
  reach(keys, [claim = "", place = ""], [token = "", forMs, reached = "", keptMs]) {
    if (keys.get(claim) !== token) return 0;
    keys.set(claim, token, Number(forMs));
    keys.set(place, reached, Number(keptMs));
    return 1;
  },
  end(keys, [claim = "", place = "", sentinel = ""], [token, run = ""]) {
    if (keys.get(claim) !== token) return 0;
    keys.delete(claim);
    if (run === "") return 1;
    keys.set(sentinel, run);
    keys.delete(place);
    return 1;
  },
};

const fileOf = (name: keyof Meanings) => script(new URL(`../../platform/ledger/restoring.${name}.lua`, import.meta.url));
export const scripts = { claim: fileOf("claim"), reach: fileOf("reach"), end: fileOf("end") };
const names = new Map(Object.entries(scripts).map(([name, { sha }]) => [sha, name as keyof Meanings]));

interface Needs {
  /** As they are when a call arrives. */
  readonly keys: () => Keys;
  readonly wire: Wire;
  readonly meanings: Meanings;
}

/** As one process is connected to it, behind the wire. */
export function connectionOf(process: Process, { keys, wire, meanings }: Needs): RedisConnection {
  const run = async (command: string, sha: string, count: number, ...given: readonly (string | number)[]) => {
    const name = names.get(sha);
    if (command !== "EVALSHA" || !name) throw new Error(`the simulation does not know what this means: ${command} ${sha}`);
    const words = given.map(String);
    return wire.call(process, `ledger.${name}`, async () => meanings[name](keys(), words.slice(0, count), words.slice(count)));
  };
  const pipeline = () => {
    const calls: Parameters<typeof run>[] = [];
    return {
      callBuffer: (...call: Parameters<typeof run>) => calls.push(call),
      exec: () => Promise.all(calls.map(async (call) => [null, await run(...call)])),
    };
  };
  const never = () => undefined;
  return {
    ...{ name: "ledger", logger: silent, server: { runId: RUN } },
    ...{ onLost: never, onReturn: never, health: () => ({ ok: true, why: [] }), close: async () => undefined },
    redis: { status: "ready", get: (name: string) => wire.call(process, "ledger.get", async () => keys().get(name)), pipeline },
  } as unknown as RedisConnection;
}
