/** A test run within a test: the fixtures beside this file, with the setup and the runner that tests on engines have. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL(".", import.meta.url)),
    include: [new URL("./kafka.fixture.ts", import.meta.url), new URL("./redis.fixture.ts", import.meta.url)].map((file) =>
      fileURLToPath(file),
    ),
    globalSetup: [fileURLToPath(new URL("./setup.ts", import.meta.url))],
    runner: fileURLToPath(new URL("./runner.ts", import.meta.url)),
    reporters: ["default"],
    testTimeout: 100_000,
  },
});
