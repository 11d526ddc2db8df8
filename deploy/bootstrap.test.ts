/** The bootstrap under this Node and under whatever other Node the machine has; that it installs is tested by CI, which begins without. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const bootstrap = fileURLToPath(new URL("./bootstrap.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "carillon-bootstrap-"));
const script = join(folder, "script.ts");

beforeAll(() =>
  writeFileSync(
    script,
    `const words: readonly string[] = process.argv.slice(2);
if (words[0] === "stay") {
  const stay = setInterval(() => {}, 1_000);
  process.on("SIGTERM", () => { clearInterval(stay); process.exitCode = 7; });
} else process.exitCode = 3;
process.stdout.write(JSON.stringify({ words, major: process.versions.node.split(".")[0] }) + "\\n");
`,
  ),
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const versionOf = (node: string) => spawnSync(node, ["-p", "process.version"], { encoding: "utf8" }).stdout?.trim() ?? "";
const found = [process.execPath, ...(process.env.PATH ?? "").split(delimiter).map((place) => join(place, "node"))];
const nodes = [...new Map(found.map((node) => [versionOf(node), node])).entries()].filter(
  ([version]) => Number(version.slice(1).split(".")[0]) >= 20,
);

describe.each(nodes)("under Node %s", (_version, node) => {
  test("it becomes the script under Node 22, with its arguments and exit code, and prints nothing of its own", () => {
    const { status, stdout, stderr } = spawnSync(node, [bootstrap, script, "a", "b c"], { encoding: "utf8", cwd: folder });
    expect({ status, stderr }).toEqual({ status: 3, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ words: ["a", "b c"], major: "22" });
  });

  test("a SIGTERM reaches the script, whose exit code is the answer", async () => {
    const child = spawn(node, [bootstrap, script, "stay"], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    await new Promise((ready) => child.stdout.once("data", ready));
    child.kill("SIGTERM");
    expect(await ended).toBe(7);
  });

  test("a script that is not there is said to be missing", () => {
    const { status, stderr } = spawnSync(node, [bootstrap, "services/mian.ts"], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toBe("There is no script services/mian.ts.\n");
  });
});
