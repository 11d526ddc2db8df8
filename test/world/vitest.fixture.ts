/** A test run within a test: the fixture beside this file, with the setup that the tests of behaviour have on real engines. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

export default defineConfig({
  test: {
    root: here("../.."),
    include: [here("./stay.fixture.ts")],
    globalSetup: [here("../engines/setup.ts"), here("./setup.ts")],
    env: { TEST_FORM: "mesh-one" },
    reporters: ["default"],
    pool: "forks",
    testTimeout: 100_000,
  },
});
