/** A test run within a test: the fixture beside this file, with the setup that the tests of behaviour have on real engines. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: [fileURLToPath(new URL("./stay.fixture.ts", import.meta.url))],
    globalSetup: [new URL("../engines/setup.ts", import.meta.url), new URL("./setup.ts", import.meta.url)].map((file) =>
      fileURLToPath(file),
    ),
    env: { TEST_FORM: "mesh-one" },
    reporters: ["default"],
    pool: "forks",
    testTimeout: 100_000,
  },
});
