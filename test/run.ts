/**
 * `npm test`: every suite, then one plain last line, `N passed, N failed`, with `, N skipped` where some were.
 *
 * `npm run test:faults` runs the fault suites alone, in their full form. Further arguments go to vitest (a path, `-t name`). A run that
 * finds no test, or breaks outside of one, has failed. Under CI a skipped test has failed too: there, everything is installed.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const isCi = (process.env.CI ?? "") !== "" && process.env.CI !== "false";

/** The part of vitest's JSON report that counts. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly { readonly status: string }[] }[];
}

const given = process.argv.slice(2);
const isFull = given[0] === "faults";
const folder = mkdtempSync(join(tmpdir(), "carillon-test-"));
const reportFile = join(folder, "report.json");
const args = [
  // SQLite in Node 22 is called experimental, which nobody who runs the tests can act upon.
  "--disable-warning=ExperimentalWarning",
  join(root, "node_modules/vitest/vitest.mjs"),
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${reportFile}`,
  ...(isFull ? ["--project=faults"] : []),
  ...given.slice(isFull ? 1 : 0),
];

const child = spawn(process.execPath, args, {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
  env: { ...process.env, ...(isFull && { TEST_FULL: "1" }) },
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
const code = await new Promise<number | null>((resolve) => {
  child.once("error", () => resolve(1));
  child.once("close", resolve);
});

const { passed, failed, skipped } = count(readReport(), code);
rmSync(folder, { recursive: true, force: true });
if (isCi && skipped > 0) process.stdout.write("A skipped test fails a CI run: install what it says is missing.\n");
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
process.exit(failed > 0 || (isCi && skipped > 0) ? 1 : 0);

function readReport(): Report | undefined {
  try {
    return JSON.parse(readFileSync(reportFile, "utf8")) as Report;
  } catch {
    return undefined;
  }
}

/** A file that could not be run counts as one failure, and so does a run that ended badly without naming one. */
function count(report: Report | undefined, exitCode: number | null): { passed: number; failed: number; skipped: number } {
  if (!report) return { passed: 0, failed: 1, skipped: 0 };
  const passed = report.numPassedTests;
  const skipped = report.numPendingTests + report.numTodoTests;
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((each) => each.status === "failed"),
  ).length;
  const failed = report.numFailedTests + broken;
  const isUnexplained = failed === 0 && (exitCode !== 0 || passed + skipped === 0);
  return { passed, failed: isUnexplained ? 1 : failed, skipped };
}
