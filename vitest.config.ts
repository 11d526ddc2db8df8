/**
 * Three projects, run one after the other: what runs in one process, what starts whole services, and what breaks them.
 *
 * Sized for two cores: whole services bring processes of their own, so they are tested one file at a time.
 */
import { defineConfig } from "vitest/config";

const isFull = process.env.TEST_FULL === "1";

const whole = (name: string, groupOrder: number, testTimeout: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    exclude: isFull ? [] : [`test/${name}/long/**`],
    sequence: { groupOrder },
    maxWorkers: 1,
    testTimeout,
    hookTimeout: testTimeout,
    expect: { poll: { timeout: 10_000 } },
  },
});

export default defineConfig({
  test: {
    pool: "forks",
    reporters: ["default"],
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "{domain,platform,services,gateway,clients,deploy}/**/*.test.ts",
            "test/*.test.ts",
            "test/{world,fakes,simulation}/**/*.test.ts",
          ],
          exclude: ["**/*.engines.test.ts"],
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
          testTimeout: 20_000,
          hookTimeout: 20_000,
        },
      },
      {
        test: {
          name: "engines",
          include: ["{platform,services,gateway,deploy,test}/**/*.engines.test.ts"],
          globalSetup: ["test/engines/setup.ts"],
          runner: "test/engines/runner.ts",
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      whole("behaviour", 2, 90_000),
      whole("faults", 3, isFull ? 1_200_000 : 240_000),
    ],
  },
});
