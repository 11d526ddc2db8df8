/**
 * `npm run bench`: what things cost, as a table; `npm run bench -- mesh` for the mesh on real engines, `npm run bench -- noisy` for what one
 * noisy tenant does to another. Each speed beside a peer in the same run where there is one; never a test.
 *
 * Everything is bounded in count, talks to 127.0.0.1 only, and ends by itself. `--write` puts the table into docs/speed.md.
 */
import { cpus } from "node:os";
import { writeSection } from "./page.ts";
import { type Bench, type BenchRow, tableOf } from "./table.ts";

const asks = (word: string) => process.argv.includes(word);
const named = () => (asks("mesh") ? import("./mesh/bench.ts") : asks("noisy") ? import("./noisy.ts") : import("./embedded.ts"));
const { bench }: { bench: Bench } = await named();

const rows: BenchRow[] = [];
await bench.rows((row) => {
  rows.push(row);
  console.error(`${row.what}: ${row.measured}`);
});

const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.versions.node}, ${process.platform}`;
console.log(`${tableOf(rows)}\n\n${machine}`);

if (process.argv.includes("--write")) {
  const made = `Made by \`${bench.command}\` on a shared machine (${machine}): read the ratios, not the absolutes.`;
  writeSection(bench.title, `${made} ${bench.conditions}\n\n${tableOf(rows)}\n`);
}
