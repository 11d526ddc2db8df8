/** What keeps a process from starting, and its disk from taking writes: a data directory is the embedded form's alone. */
import { execFileSync } from "node:child_process";
import { Code } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { clientsOf } from "../world/clients.ts";
import { startWorld } from "../world/world.ts";

it.each([
  ["an unknown setting", { CARILLON_HTP_PORT: "1" }, "CARILLON_HTTP_PORT"],
  ["a bad value", { CARILLON_MAX_RETRY_COUNT: "many" }, "CARILLON_MAX_RETRY_COUNT"],
  ["another address in development", { CARILLON_HOST: "0.0.0.0" }, "127.0.0.1"],
])("%s stops the start with a sentence", async (_what, env, sentence) => {
  await expect(startWorld({ env })).rejects.toThrow(sentence);
});

/** What it printed instead of getting ready. */
const refusal = (options: Parameters<typeof startWorld>[0]) =>
  startWorld(options).then(
    () => expect.fail("it started"),
    (error: Error) => error.message.split("before it was ready:\n")[1],
  );

it("a second process on the same data directory says so in one line and stops", async () => {
  const world = await startWorld();
  expect(await refusal({ dataDir: world.dataDir })).toMatch(
    /^The database \S+ is in use by another process\. Stop that one, .*: CARILLON_DATA_DIR\.\n$/,
  );
  await world.stop();
});

it.each(["/etc/passwd", "/etc/passwd/data", "/proc/nope", "/proc"])("a data directory %s is refused in one line", async (dataDir) => {
  expect(await refusal({ env: { CARILLON_DATA_DIR: dataDir } })).toMatch(/^[^\n]*(cannot be used|could not be opened): [^\n]*\.\n$/);
});

// The bound on file sizes that stands in for a full disk is Linux's.
it.runIf(process.platform === "linux")("says that it is not ready as soon as a full disk has refused a send", async () => {
  const world = await startWorld();
  const { ingest } = clientsOf(world.url);
  const bound = (bytes: number | "unlimited") => execFileSync("prlimit", ["--pid", String(world.pid), `--fsize=${bytes}:unlimited`]);
  const send = (idempotencyKey: string) =>
    ingest.send({ recipients: [{ email: "p@example.test" }], content: { title: "Disk", body: "x" }, idempotencyKey });
  const ready = async () => {
    const response = await fetch(`${world.url}/readyz`);
    return { status: response.status, ...((await response.json()) as object) };
  };
  expect(await ready()).toEqual({ status: 200, ok: true, why: [] });
  bound(4_096);
  await expect(send("one")).rejects.toMatchObject({ code: Code.Unavailable });
  expect(await ready()).toMatchObject({
    status: 503,
    why: [expect.stringMatching(/^the database took no write \d s ago: SQLITE_(FULL|IOERR)$/)],
  });
  bound("unlimited");
  await send("one");
  await world.stop();
});
