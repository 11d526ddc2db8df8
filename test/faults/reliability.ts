/** Publishes what a fault run counted: always on the terminal, and into docs/reliability.md when the run was a full one. */
import { readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { full } from "../full.ts";

export interface Counts {
  readonly fault: string;
  readonly acknowledged: number;
  readonly acknowledgedBeforeLastFault: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly allowed: number;
  /** By which part of the promise they are; empty where none is. */
  readonly why: string;
  readonly quietMs: number;
}

const fileOf = (testPath: string) => relative(fileURLToPath(new URL(".", import.meta.url)), testPath).replace(/\.test\.ts$/, "");
const page = new URL("../../docs/reliability.md", import.meta.url);

export function publish(counts: Counts): void {
  const row = `| ${[
    counts.fault,
    counts.acknowledged,
    counts.acknowledgedBeforeLastFault,
    counts.lost,
    counts.duplicated,
    counts.allowed === 0 ? "0" : `${counts.allowed}: ${counts.why}`,
    (counts.quietMs / 1_000).toFixed(1),
    fileOf(expect.getState().testPath as string),
  ].join(" | ")} |`;
  console.log(row);
  if (!full) return;
  // A row stays where it is; one that is new comes last.
  const lines = readFileSync(page, "utf8").trimEnd().split("\n");
  const at = lines.findIndex((line) => line.startsWith(`| ${counts.fault} |`));
  if (at < 0) lines.push(row);
  else lines[at] = row;
  writeFileSync(page, `${lines.join("\n")}\n`);
}
