import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const script = fileURLToPath(new URL("./module.ts", import.meta.url));
const run = (...names: string[]) =>
  promisify(execFile)(process.execPath, ["--no-warnings", script, ...names], { env: { PATH: process.env.PATH } });

test("without a name it says which modules there are, and starts none", async () => {
  await expect(run()).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^Which module\? .*there are ingest, router, .*\.\n$/),
  });
});

test("a name that is none is told with those there are", async () => {
  await expect(run("rooter")).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^There is no module rooter; there are ingest, /),
  });
});
