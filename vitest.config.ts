/**
 * Projects, run one after the other: what runs in one process, what speaks to real engines, what starts whole services, in each of their
 * forms, and what breaks them. docs/testing.md says which file runs where, and why.
 *
 * Sized for two cores: whole services bring processes of their own, so they are tested one file at a time.
 */
import { defineConfig } from "vitest/config";

const isFull = process.env.TEST_FULL === "1";

const whole = (name: string, groupOrder: number, testTimeout: number) => ({
  name,
  include: [`test/${name}/**/*.test.ts`],
  sequence: { groupOrder },
  maxWorkers: 1,
  testTimeout,
  hookTimeout: testTimeout,
  expect: { poll: { timeout: 10_000 } },
});

const behaviour = (...names: string[]) => names.map((name) => `test/behaviour/${name}.test.ts`);

/** On real engines, which other things use meanwhile. Its files are run by one process, which keeps the world that they share. */
const onMesh = (form: "mesh-one" | "mesh-many", groupOrder: number, files: { include?: string[]; exclude?: string[] }) => ({
  ...whole("behaviour", groupOrder, 120_000),
  ...files,
  name: `behaviour-${form}`,
  env: { TEST_FORM: form },
  globalSetup: ["test/engines/setup.ts", "test/world/setup.ts"],
  runner: "test/engines/runner.ts",
  isolate: false,
  expect: { poll: { timeout: 30_000 } },
});

/** What there is in one form only, or is over before engines are spoken to, so that it is the same in all. */
const EMBEDDED_ONLY = behaviour("backup", "disk-full", "metrics", "refused-start", "settings", "start", "tls");
const MESH_ONLY = behaviour("modules");
/** What passes between processes: the way, time, dead letters, an operator's orders, sends that may not be repeated, keys, who may see what, refusals. */
const BETWEEN_PROCESSES = behaviour(
  ...[
    "way",
    "scheduling",
    "templates",
    "suppressions",
    "erasure",
    "deadletters",
    "protocols",
    "person",
    "operator",
    "refusals",
    "isolation",
    "at-most-once",
    "modules",
  ],
);

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
      { test: { ...whole("behaviour", 2, 90_000), exclude: MESH_ONLY } },
      { test: onMesh("mesh-one", 3, { exclude: [...EMBEDDED_ONLY, ...MESH_ONLY] }) },
      { test: onMesh("mesh-many", 4, { include: BETWEEN_PROCESSES }) },
      { test: { ...whole("faults", 5, isFull ? 1_200_000 : 240_000), exclude: isFull ? [] : ["test/faults/long/**"] } },
    ],
  },
});
