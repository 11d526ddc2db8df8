/**
 * Lists in statements: `?...` becomes as many placeholders as the list has items, `(?, ?)...` as many rows.
 *
 * Prepared statements are kept by their text, so lists come in few lengths, all powers of two: the last item of a list is repeated up to
 * the next one, which means the same to IN; rows go in several statements.
 */
import type { Param, Params } from "./mysql.ts";

const REPEATED = /(\([^()]*\)|\?)\.\.\./;

const LONGEST_LIST = 1_024;
const MOST_ROWS = 256;
/** The least that a server takes by default is 16 MiB in one packet. */
const MOST_BYTES = 4 * 1024 * 1024;

/** One statement to execute: its text and a value for every placeholder. */
export interface Filled {
  readonly text: string;
  readonly values: readonly Param[];
}

/** Makes the statements that a text comes to with its values. */
export type Fill = (params: Params) => readonly Filled[];

export function fillOf(text: string): Fill {
  const [whole, repeated] = REPEATED.exec(text) ?? [];
  if (whole === undefined || repeated === undefined) return (params) => [{ text, values: params as readonly Param[] }];
  const [before = "", after = ""] = text.split(whole);
  const place = before.split("?").length - 1;
  const texts = new Map<number, string>();
  const textOf = (count: number): string => {
    const known = texts.get(count) ?? `${before}${Array(count).fill(repeated).join(", ")}${after}`;
    texts.set(count, known);
    return known;
  };
  const piecesOf = repeated === "?" ? listsOf : rowsOf;
  return (params) => {
    const head = params.slice(0, place) as readonly Param[];
    const tail = params.slice(place + 1) as readonly Param[];
    return piecesOf(params[place] as readonly never[]).map(({ count, values }) => ({
      text: textOf(count),
      values: [...head, ...values, ...tail],
    }));
  };
}

interface Piece {
  readonly count: number;
  readonly values: readonly Param[];
}

function listsOf(list: readonly Param[]): Piece[] {
  const pieces: Piece[] = [];
  for (let from = 0; from < list.length; from += LONGEST_LIST) {
    const values = list.slice(from, from + LONGEST_LIST);
    const count = 2 ** Math.ceil(Math.log2(values.length));
    pieces.push({ count, values: [...values, ...Array(count - values.length).fill(values.at(-1))] });
  }
  return pieces;
}

function rowsOf(rows: readonly (readonly Param[])[]): Piece[] {
  const pieces: Piece[] = [];
  for (let from = 0; from < rows.length; ) {
    const count = 2 ** Math.floor(Math.log2(fitting(rows, from)));
    pieces.push({ count, values: rows.slice(from, from + count).flat() });
    from += count;
  }
  return pieces;
}

/** How many rows from there fit into a statement; one at least. */
function fitting(rows: readonly (readonly Param[])[], from: number): number {
  let count = 0;
  for (let bytes = 0; count < MOST_ROWS && from + count < rows.length; count++) {
    for (const value of rows[from + count] as readonly Param[])
      bytes += typeof value === "object" ? (value?.length ?? 0) : String(value).length * 3;
    if (bytes > MOST_BYTES) break;
  }
  return Math.max(count, 1);
}
