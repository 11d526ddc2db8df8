/** Run by vitest.fixture.ts where Redis is there: says where, and passes, or stays when told to. */
import { Redis } from "ioredis";
import { inject, test } from "vitest";

const { redisLedger } = inject("engines");

test("Redis is there", async () => {
  const redis = new Redis(redisLedger);
  const pid = /process_id:(\d+)/.exec(await redis.info("server"))?.[1];
  const dir = ((await redis.config("GET", "dir")) as string[])[1];
  redis.disconnect();
  process.stdout.write(`Redis ${pid} in ${dir}.\n`);
  if (process.env.STAY) await new Promise(() => {});
});
