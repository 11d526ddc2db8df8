/** The two Redis of compose.yaml, against those of the launcher. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { rememberPorts } from "../local/port.ts";
import { planRedis } from "../local/redis.ts";
import { readCompose } from "./file.fixture.ts";

/** An option that is given twice or without a value would shift the rest, and the comparison would fail. */
const optionsOf = (args: readonly string[]): Record<string, string> =>
  Object.fromEntries(args.flatMap((arg, index) => (index % 2 === 0 ? [[arg, args[index + 1] ?? ""]] : [])));

test.each(["redis-cache", "redis-ledger"] as const)("%s keeps and forgets as where it is tested", async (name) => {
  const dir = mkdtempSync(join(tmpdir(), "carillon-compose-redis-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [plan] = await planRedis("redis-server", name, dir, rememberPorts(join(dir, "ports.json")));
  const tested = optionsOf(plan?.args ?? []);
  for (const place of ["--port", "--bind", "--dir", "--set-proc-title"]) delete tested[place];
  const [program, ...args] = readCompose().services[name]?.command ?? [];
  expect(program).toBe("redis-server");
  // Where there is a limit of memory, the ledger has to end before it does.
  expect(optionsOf(args)).toEqual({ "--maxmemory": "768mb", ...tested });
});
