/**
 * Modules by themselves, as `npm run module -- NAME` starts them: each joins the others by its settings, and two of the same share the work
 * while one dies and one comes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { Channel, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PEOPLE = 20;
const ROUNDS = 30;

/** Subjects of the mails in the order that they were taken. */
const arrived: string[] = [];
let sink: Sink;
let world: World;
beforeAll(async () => {
  sink = await openSink(0, () => arrived.push(/^subject: (.*)$/im.exec(sink.mails.at(-1) ?? "")?.[1]?.trim() ?? ""));
  const env = { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_RATE: "none", CARILLON_EMAIL_SMTP_PORT: String(sink.port) };
  world = await startWorld({ env });
});
afterAll(async () => {
  await world?.stop();
  await sink?.close();
});

interface Added {
  readonly url: string;
  end(): Promise<number | null>;
}
const added = new Set<ChildProcess>();
afterEach(() => {
  // The whole group: npm is between.
  for (const { pid } of added) process.kill(-(pid as number), "SIGKILL");
});

/** Two modules have the ports that everybody calls, and look for each other where those are; each other one has its own. */
function portsOf(name: string): Record<string, string> {
  if (name !== "ingest" && name !== "console") return { [`CARILLON_${name.toUpperCase().replaceAll("-", "_")}_PORT`]: "0" };
  const free = ["HTTP", "GRPC", "LEGACY_HTTP", "SMTP_SINK"].map((port) => [`CARILLON_${port}_PORT`, "0"]);
  return { ...Object.fromEntries(free), CARILLON_INGEST_URL: world.url, CARILLON_CONSOLE_URL: world.url };
}

/** One more process with that module, on free ports. */
async function add(name: string): Promise<Added> {
  const child = spawn("npm", ["run", "--silent", "module", "--", name], {
    ...{ cwd: root, detached: true, stdio: ["ignore", "pipe", "pipe"] },
    env: { ...ownEnvironment(), ...world.env, ...portsOf(name) },
  });
  added.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const exit = new Promise<number | null>((resolve) =>
    child.once("exit", (code) => {
      added.delete(child);
      resolve(code);
    }),
  );
  await expect.poll(() => said, { timeout: 60_000 }).toMatch(new RegExp(`^Carillon ${name} ready http://`, "m"));
  return {
    url: /ready (http:\S+)/.exec(said)?.[1] as string,
    end() {
      process.kill(-(child.pid as number), "SIGTERM");
      return exit;
    },
  };
}

const ownEnvironment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CARILLON_")));

it("any module runs alone with its own configuration, is ready, and drains when told", { timeout: 300_000 }, async () => {
  const names = ["ingest", "console", "gateway", "inbox", "scheduler", "preferences", "templates", "tracker", "deadletters", "access"];
  const modules = await Promise.all(names.map(add));
  const ready = await Promise.all(modules.map(async ({ url }) => (await fetch(`${url}/readyz`)).json()));
  expect(ready).toEqual(names.map(() => ({ ok: true, why: [] })));
  expect(await Promise.all(modules.map((module) => module.end()))).toEqual(names.map(() => 0));
});

it("two routers, dispatchers and email workers share the work while one of each dies and one comes", { timeout: 300_000 }, async () => {
  const names = ["router", "dispatcher", "email-workers"];
  await Promise.all(names.map(add));
  const { ingest, tracker } = clientsOf(world.url);
  const run = randomBytes(4).toString("hex");
  const titleOf = (person: number, round: number) => `${run} ${person} ${round}`;
  const acknowledged = new Map<string, string>();
  for (let round = 0; round < ROUNDS; round++) {
    const { results } = await ingest.sendBatch({
      notifications: Array.from({ length: PEOPLE }, (_, person) => ({
        recipients: [{ userId: `${run}-${person}`, email: `${run}-${person}@example.test` }],
        channels: [Channel.EMAIL],
        content: { title: titleOf(person, round) },
        idempotencyKey: titleOf(person, round),
      })),
    });
    for (const [person, { result }] of results.entries())
      if (result.case === "accepted") acknowledged.set(titleOf(person, round), result.value.notificationId);
    if (round === ROUNDS / 3) await Promise.all(names.map((name) => world.kill(name)));
    if (round === (ROUNDS * 2) / 3) await world.heal();
  }
  expect(acknowledged.size).toBe(PEOPLE * ROUNDS);

  const isUnbroken = new Map<string, boolean>();
  for (const [title, notificationId] of acknowledged) {
    const read = async () => (await tracker.getNotification({ notificationId })).notification;
    await expect.poll(async () => (await read())?.status, { timeout: 120_000 }).toBe(NotificationStatus.SENT);
    const { steps } = await tracker.explain({ notificationId });
    // Order is promised between first attempts: what the dead worker had in its hands waits for its lease, and joins at the end.
    const wasPutOff = steps.some(({ stage, reasons }) => stage === "waiting" || reasons.includes("send_unresolved"));
    isUnbroken.set(title, !wasPutOff);
  }
  const firstOf = [...new Set(arrived)].filter((title) => isUnbroken.get(title));
  expect(firstOf.length).toBeGreaterThan((PEOPLE * ROUNDS) / 2);
  for (let person = 0; person < PEOPLE; person++) {
    const rounds = firstOf.map((title) => title.split(" ")).filter(([, whose]) => whose === String(person));
    expect(rounds.map(([, , round]) => Number(round))).toEqual(rounds.map(([, , round]) => Number(round)).sort((a, b) => a - b));
  }
  expect(new Set(arrived.filter((title) => title.startsWith(run)))).toEqual(new Set(acknowledged.keys()));
});
