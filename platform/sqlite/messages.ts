/** What crosses between the caller's thread and the writer thread. */
import type { DescribedError } from "./errors.ts";

export interface Call {
  readonly is: "call";
  readonly id: number;
  /** Href of the procedures module. */
  readonly module: string;
  readonly name: string;
  readonly args: unknown;
  readonly durable: boolean;
}

export type ToWriter =
  | Call
  | { readonly is: "load"; readonly id: number; readonly module: string; readonly sql: string }
  | { readonly is: "close"; readonly id: number };

/** The thread's first answer, unasked: it has opened the database. */
export const OPENED = 0;

/** What the thread posts. */
export interface FromWriter {
  readonly answers: readonly Answer[];
  /** The transaction that they are of. */
  readonly commit?: Commit;
}

export interface Commit {
  readonly seconds: number;
  readonly calls: number;
  /** It waited for fsync. */
  readonly durable: boolean;
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: DescribedError;
}
