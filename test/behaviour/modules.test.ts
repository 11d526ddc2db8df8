/**
 * Modules by themselves, as `npm run module -- NAME` starts them: each joins the others by its settings.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type MeshWorld, startMesh } from "../world/mesh.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let world: MeshWorld;
beforeAll(async () => {
  world = await startMesh({ oneProcess: false });
});
afterAll(async () => {
  await world?.stop();
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
