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
/** Says "first" and ends in order once its standard input is closed; ends at once, with exit code 9, when it is told again. */
const patient = join(folder, "patient.ts");

beforeAll(() => {
  writeFileSync(
    script,
    `const words: readonly string[] = process.argv.slice(2);
if (words[0] === "stay") {
  const stay = setInterval(() => {}, 1_000);
  process.on("SIGTERM", () => { clearInterval(stay); process.exitCode = 7; });
} else process.exitCode = 3;
process.stdout.write(JSON.stringify({ words, major: process.versions.node.split(".")[0] }) + "\\n");
`,
  );
  writeFileSync(
    patient,
    `import { onToldToEnd } from "${new URL("../services/told-to-end.ts", import.meta.url).href}";
process.stdin.on("end", () => process.exit(0)).resume();
onToldToEnd({ first: () => process.stdout.write("first\\n"), again: () => process.exit(9) });
process.stdout.write("ready\\n");
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const versionOf = (node: string) => spawnSync(node, ["-p", "process.version"], { encoding: "utf8" }).stdout?.trim() ?? "";
const found = [process.execPath, ...(process.env.PATH ?? "").split(delimiter).map((place) => join(place, "node"))];
const nodes = [...new Map(found.map((node) => [versionOf(node), node])).entries()].filter(
  ([version]) => Number(version.slice(1).split(".")[0]) >= 20,
);

/** A process group of its own, as a terminal has one for each command. */
async function toldToEnd(node: string) {
  const child = spawn(node, [bootstrap, patient], { detached: true, stdio: ["pipe", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk) => (text += chunk));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  await expect.poll(() => text, { timeout: 20_000 }).toBe("ready\n");
  return { child, ended, said: () => text };
}

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

  test("one Ctrl-C, which the whole process group gets, is one request to end, and so is a signal to the bootstrap alone", async () => {
    for (const whom of ["group", "alone"] as const) {
      const { child, said, ended } = await toldToEnd(node);
      process.kill(whom === "group" ? -(child.pid as number) : (child.pid as number), "SIGINT");
      await expect.poll(said).toBe("ready\nfirst\n");
      // The script hears of it after whatever signals it was passed before.
      child.stdin.end();
      expect(await ended).toBe(0);
    }
  });

  test("a second Ctrl-C is another request", async () => {
    const { child, said, ended } = await toldToEnd(node);
    let code: number | null | undefined;
    void ended.then((how) => (code = how));
    await expect
      .poll(
        () => {
          if (code === undefined) process.kill(-(child.pid as number), "SIGINT");
          return code;
        },
        { timeout: 20_000, interval: 200 },
      )
      .toBe(9);
    expect(said()).toBe("ready\nfirst\n");
  });

  test("a script that is not there is said to be missing", () => {
    const { status, stderr } = spawnSync(node, [bootstrap, "services/mian.ts"], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toBe("There is no script services/mian.ts.\n");
  });
});
