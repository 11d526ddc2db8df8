/** Publishes what a fault run counted: always on the terminal, and into docs/reliability.md when the run was a full one. */
import { readFileSync, writeFileSync } from "node:fs";
import { full } from "../full.ts";

export interface Counts {
  readonly fault: string;
  readonly acknowledged: number;
  readonly acknowledgedBeforeLastFault: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly allowed: number;
  readonly quietMs: number;
}

const page = new URL("../../docs/reliability.md", import.meta.url);

export function publish(counts: Counts): void {
  const row = `| ${[
    counts.fault,
    counts.acknowledged,
    counts.acknowledgedBeforeLastFault,
    counts.lost,
    counts.duplicated,
    counts.allowed,
    (counts.quietMs / 1_000).toFixed(1),
  ].join(" | ")} |`;
  console.log(row);
  if (!full) return;
  const others = readFileSync(page, "utf8")
    .split("\n")
    .filter((line) => !line.startsWith(`| ${counts.fault} |`));
  while (others.at(-1) === "") others.pop();
  writeFileSync(page, `${[...others, row].join("\n")}\n`);
}
