/** Rows of the bench, as a table for people and for docs/speed.md. */
export interface BenchRow {
  readonly what: string;
  readonly measured: string;
  readonly asked: string;
  readonly goal: string;
}

export interface Bench {
  /** Of its section in docs/speed.md. */
  readonly title: string;
  /** How to make the section again. */
  readonly command: string;
  /** What one has to know to read it, in sentences. */
  readonly conditions: string;
  rows(note: (row: BenchRow) => void): Promise<void>;
}

export function tableOf(rows: readonly BenchRow[]): string {
  const lines = rows.map(({ what, measured, asked, goal }) => `| ${what} | ${measured} | ${asked} | ${goal} |`);
  return ["| what | measured | at least | goal |", "|---|---|---|---|", ...lines].join("\n");
}

export const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString("en")}/s`;

export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number;
}
