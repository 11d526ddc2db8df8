/**
 * Mailboxes on the cache's Redis, one for all processes: what the workers of one keep, the console of another shows. keep.lua says how a
 * mailbox is laid out; it may be evicted like all there, and then as a whole.
 */
import type { Redis } from "ioredis";
import type { Clock } from "#platform/clock.ts";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { redisProblem } from "#platform/redis/errors.ts";
import { runScripts, script } from "#platform/redis/script.ts";
import { uuidv7 } from "#platform/uuid.ts";
import { type Box, type Boxes, isTo, MOST_BYTES, MOST_MAILS } from "./box.ts";
import { type RawMail, readMail } from "./message.ts";

export interface RedisBoxesNeeds {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  /** Before every key, so that several may share a server. */
  readonly prefix?: string;
}

const keep = script(new URL("./keep.lua", import.meta.url));
const empty = script(new URL("./empty.lua", import.meta.url));
/** After its last mail: nobody comes back for the mails of a test that long ago. */
const KEPT_MS = 7 * 86_400_000;
/** One reply with all of a full mailbox would take longer than a command may. */
const MOST_BYTES_A_READ = 4 * 1024 * 1024;

/** What is told of a mail without reading it. */
interface About extends Omit<RawMail, "id" | "raw"> {
  readonly bytes: number;
}

export const redisBoxes =
  ({ connection, clock, prefix = "carillon:" }: RedisBoxesNeeds): Boxes =>
  (environment) =>
    redisBox(connection.redis, `${prefix}mailbox:${environment}`, clock);

function redisBox(redis: Redis, key: string, clock: Clock): Box {
  const fields = async (...names: string[]): Promise<(Buffer | null)[]> => {
    try {
      return names.length === 0 ? [] : await redis.hmgetBuffer(key, ...names);
    } catch (error) {
      throw redisProblem(error);
    }
  };

  /** Oldest first. */
  async function list(): Promise<(About & { readonly id: string })[]> {
    const [first = 0, next = 0] = (await fields("first", "next")).map(Number);
    const ids = (await fields(...Array.from({ length: next - first }, (_, at) => `at ${first + at}`))).flatMap((id) =>
      id ? [id.toString()] : [],
    );
    const told = await fields(...ids.map((id) => `about ${id}`));
    // What was pushed out in between is not there any more.
    return ids.flatMap((id, at) => (told[at] ? [{ id, ...(JSON.parse(told[at].toString()) as About) }] : []));
  }

  return {
    async keep({ raw, from, to, id = uuidv7(clock.nowMs()) }) {
      const about: About = { receivedAt: clock.nowMs(), from, to, bytes: raw.byteLength };
      const args = [uuidv7(clock.nowMs()), MOST_MAILS, MOST_BYTES, KEPT_MS, id, JSON.stringify(about), raw];
      await runScripts(redis, [{ script: keep, keys: [key], args }]);
    },
    async messages({ limit = MOST_MAILS, to } = {}) {
      const wanted = (await list())
        .filter((mail) => isTo(mail, to))
        .slice(-limit)
        .reverse();
      const mails: RawMail[] = [];
      for (const piece of pieces(wanted)) {
        const raws = await fields(...piece.map(({ id }) => `raw ${id}`));
        mails.push(...piece.flatMap((mail, at) => (raws[at] ? [{ ...mail, raw: raws[at] }] : [])));
      }
      return Promise.all(mails.map(readMail));
    },
    async message(id) {
      const [about, raw] = await fields(`about ${id}`, `raw ${id}`);
      return about && raw ? readMail({ id, raw, ...(JSON.parse(about.toString()) as About) }) : undefined;
    },
    async version() {
      const [version] = await fields("version");
      return version?.toString() ?? "";
    },
    async empty() {
      await runScripts(redis, [{ script: empty, keys: [key], args: [uuidv7(clock.nowMs()), KEPT_MS] }]);
    },
  };
}

/** As many at once as fit into a read; at least one. */
function pieces<T extends { readonly bytes: number }>(mails: readonly T[]): T[][] {
  const all: T[][] = [];
  let bytes = MOST_BYTES_A_READ;
  for (const mail of mails) {
    bytes += mail.bytes;
    if (bytes > MOST_BYTES_A_READ) {
      all.push([]);
      bytes = mail.bytes;
    }
    all.at(-1)?.push(mail);
  }
  return all;
}
