import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const script = fileURLToPath(new URL("./module.ts", import.meta.url));
test("without a name it says which modules there are, and starts none", async () => {
  await expect(promisify(execFile)(process.execPath, ["--no-warnings", script])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^Which module\? .*there are ingest, router, .*\.\n$/),
  });
});
