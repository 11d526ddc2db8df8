/** Every command of the README, as it stands there but for the ports, and the answers that it shows. */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { grpcurl, MAKING_MS, noGo } from "../world/languages.ts";
import { answerTo, blocksOf, commandsOf, hereIn, shape } from "../world/shown.ts";
import { startWorld, type World } from "../world/world.ts";

const root = new URL("../..", import.meta.url).pathname;
const blocks = blocksOf("README.md");
const commands = commandsOf(blocks);
const protoset = "npm run protoset";
const grpcurls = commands.filter(({ text }) => text.startsWith("grpcurl"));
const curls = commands.filter(({ text }) => text.startsWith("curl"));
const scripts = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> }).scripts;

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const here = (text: string) => hereIn(world, text);
/** What is asked about a notification is known a moment after it was acknowledged. */
const isRead = (command: string) => /TrackerService/.test(command);

it.each(curls.map(({ text, answer }, index) => [`${index + 1}. ${text.split("\n")[0]}`, text, answer] as const))(
  "%s answers what the README shows",
  async (_name, text, answer) => {
    expect(answer?.language).toBe("json");
    const shown = shape(JSON.parse(here(answer?.text ?? "")));
    if (isRead(text)) await expect.poll(() => answerTo(world, text)).toEqual(shown);
    else expect(answerTo(world, text)).toEqual(shown);
  },
);

describe.skipIf(noGo)(noGo ?? "grpcurl", () => {
  let path: string;
  beforeAll(async () => {
    path = `${dirname(await grpcurl())}:${process.env.PATH}`;
    execFileSync("bash", ["-c", protoset], { cwd: root, stdio: "ignore" });
  }, MAKING_MS);

  it.each(grpcurls.map(({ text, answer }) => [text.split("\n")[0], text, answer] as const))(
    "%s answers what the README shows",
    (_name, text, answer) => {
      const printed = execFileSync("bash", ["-c", here(text)], { cwd: root, encoding: "utf8", env: { ...process.env, PATH: path } });
      expect(JSON.parse(printed)).toEqual(shape(JSON.parse(answer?.text ?? "")));
    },
  );
});

it("npm run example runs the typed client that the README shows", { timeout: 120_000 }, () => {
  const [client] = blocks.filter(({ language }) => language === "ts");
  expect(
    readFileSync(join(root, "clients/node/send.ts"), "utf8")
      .trim()
      .endsWith(client?.text ?? "-"),
  ).toBe(true);
  const printed = execFileSync("npm", ["run", "--silent", "example", "--", world.url], { cwd: root, encoding: "utf8" });
  expect(printed.trim()).toMatch(/^[0-9a-f-]{36}$/);
});

describe("the bell of the README", () => {
  const [bell] = blocks.filter(({ language }) => language === "js");
  const begin = (...flags: string[]) => {
    const child = spawn(process.execPath, [...flags, "--input-type=module", "-e", here(bell?.text ?? "")], { cwd: root });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    return { child, printed: () => text, code: new Promise((resolve) => child.once("close", resolve)) };
  };

  it("hears what ann was sent, with a title or without", async () => {
    const { ingest } = clientsOf(world.url);
    await ingest.send({ recipients: [{ userId: "ann" }], channels: [Channel.WEB], content: { body: "Without a title" } });
    const { child, printed } = begin();
    try {
      await expect.poll(printed).toMatch(/^\S+:\d+ Hello$/m);
      await expect.poll(printed).toMatch(/^\S+:\d+ Without a title$/m);
      expect(printed()).not.toContain("undefined");
    } finally {
      child.kill();
    }
  });

  it("says what it needs where there is no WebSocket, as in Node 20", async () => {
    const { printed, code } = begin("--no-experimental-websocket");
    expect(await code).toBe(1);
    expect(printed()).toContain("The bell needs a WebSocket");
  });
});

/** `npm start` in start.test.ts, `npm run mesh` in deploy/local/mesh.engines.test.ts. */
const isRun = new Set(["npm start", "npm run mesh", "npm run example", protoset]);

it("every other command is a script that the tests' own runner or CI runs", () => {
  const ci = readFileSync(join(root, ".ci/run"), "utf8");
  const others = commands.map(({ text }) => text).filter((text) => !/^(curl|grpcurl) /.test(text) && !isRun.has(text));
  expect(others.length).toBeGreaterThan(0);
  for (const command of others) {
    const name = command.replace(/^npm (run )?/, "");
    expect(scripts[name]).toBeDefined();
    expect(ci).toContain(command);
  }
});
