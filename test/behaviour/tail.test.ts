/** `npm run tail` beside a service that runs. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { clientsOf } from "../world/clients.ts";
import { startWorld, type World } from "../world/world.ts";

const script = join(new URL("../..", import.meta.url).pathname, "services", "tail.ts");
type Settings = World["env"];
const withOnly = (settings: Settings) => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CARILLON_"))),
  ...settings,
});
const tail = (settings: Settings, ...args: string[]) =>
  promisify(execFile)(process.execPath, ["--no-warnings", script, ...args], { env: withOnly(settings) });
const refusal = (settings: Settings, ...args: string[]) =>
  tail(settings, ...args).then(
    () => expect.fail("was taken"),
    ({ stderr, code }: { stderr: string; code: number }) => `${code} ${stderr.trim()}`,
  );
const linesOf = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("beside a running service", () => {
  let world: World;
  const send = (title: string, userId = "ann") =>
    clientsOf(world.url).ingest.send({ recipients: [{ userId }], content: { title }, idempotencyKey: title });
  beforeAll(async () => {
    world = await startWorld();
    for (const title of ["one", "two", "three"]) await send(title, title);
    return () => world.stop();
  });

  it("shows a topic's records as lines of JSON, in the order of time", async () => {
    const lines = linesOf((await tail(world.env, "notifications.raw", "--from-beginning")).stdout);
    expect(lines.map(({ value }) => value.content.title)).toEqual(["one", "two", "three"]);
    expect(lines[0]).toMatchObject({
      key: "development/one",
      headers: { "content-type": expect.stringMatching(/^application\/(protobuf|json)$/) },
    });
    expect(lines[0]).toMatchObject({ partition: expect.any(Number), offset: 0, time: expect.stringMatching(/^\d{4}-.*Z$/) });
  });

  it("shows the last ones, or those of a partition", async () => {
    const lines = linesOf((await tail(world.env, "notifications.raw", "--last", "2")).stdout);
    expect(lines.map(({ value }) => value.content.title)).toEqual(["two", "three"]);
    const of = linesOf((await tail(world.env, "notifications.raw", "--partition", String(lines[0].partition))).stdout);
    expect(new Set(of.map(({ partition }) => partition))).toEqual(new Set([lines[0].partition]));
  });

  it("goes on with what comes, until it is told to stop", async () => {
    const child = spawn(process.execPath, ["--no-warnings", script, "notifications.raw", "--last", "0", "--follow"], {
      env: withOnly(world.env),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const reading = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    // It may begin to read after the first of them.
    let sending = true;
    const sent = (async () => {
      for (let number = 0; sending; number++) await send(`later ${number}`);
    })();
    const { value } = await reading.next();
    sending = false;
    await sent;
    expect(JSON.parse(value).value.content.title).toMatch(/^later \d+$/);
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("says on standard error which log it reads", async () => {
    expect((await tail(world.env, "schedule")).stderr).toMatch(/^Reading the log: (the embedded form's, \/\S+\.sqlite|Kafka's, \S+)\.\n/);
  });

  it("says what is wrong with what it is asked for", async () => {
    const { env } = world;
    expect(await refusal(env, "notification.raw")).toBe('1 There is no topic notification.raw; did you mean "notifications.raw"?');
    expect(await refusal(env, "schedule", "--partition", "6")).toBe("1 schedule has the partitions 0 to 5, not 6.");
    for (const args of [[], ["a", "b"], ["a", "--last", "x"], ["a", "--from-beginning", "--last", "1"], ["a", "--all"]])
      expect(await refusal(env, ...args)).toMatch(/^2 .*npm run tail -- TOPIC/);
    expect(await refusal(env, "a", "--lst", "3")).toMatch(/^2 There is no option --lst; did you mean "--last"\? npm run tail -- /);
  });
});

it("says that there is nothing to read where no service has been", async () => {
  expect(await refusal({ CARILLON_DATA_DIR: "/tmp/carillon-nowhere" }, "schedule")).toMatch(
    /^1 There is no database \/tmp\/carillon-nowhere\/carillon\.sqlite/,
  );
});

it("does not choose between two logs that the settings name", async () => {
  expect(await refusal({ CARILLON_KAFKA_BROKERS: "127.0.0.1:1" }, "schedule")).toMatch(
    /^1 Which log\? CARILLON_KAFKA_BROKERS names one in Kafka.*Set CARILLON_ADAPTERS to mesh/,
  );
});

describe("of a Kafka that does not answer", () => {
  const dead = { CARILLON_ADAPTERS: "mesh", CARILLON_KAFKA_BROKERS: "127.0.0.1:1" };

  it.each(["SIGTERM", "SIGINT"] as const)(
    "ends at the first %s while it waits",
    async (signal) => {
      const child = spawn(process.execPath, ["--no-warnings", script, "schedule"], {
        env: withOnly(dead),
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
      const ended = once(child, "exit");
      await expect.poll(() => said, { timeout: 60_000 }).toContain("waiting for Kafka");
      child.kill(signal);
      expect(await ended).toEqual([0, null]);
    },
    90_000,
  );

  it("gives up after a while, and says so", async () => {
    expect(await refusal(dead, "schedule")).toMatch(/^1 [\s\S]*Kafka at 127\.0\.0\.1:1 did not answer within 20 s\.$/);
  }, 90_000);
});

it("says that no mesh runs where its log is asked for", async () => {
  expect(await refusal({ CARILLON_DATA_DIR: "/tmp/carillon-nowhere" }, "schedule", "--mesh")).toMatch(
    /^1 No mesh runs on \/tmp\/carillon-nowhere\./,
  );
});
