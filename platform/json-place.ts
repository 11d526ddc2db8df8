/** Where a text stops being JSON, as what JSON.parse throws tells it: " (line 1, column 9)", or empty where it does not tell. */

/** V8's own message quotes the text, which may be somebody's data: only the place is told. */
export function placeOf(error: unknown, text: string): string {
  const position = /position (\d+)/.exec(String(error))?.[1];
  if (position === undefined) return "";
  const before = text.slice(0, Number(position)).split("\n");
  return ` (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})`;
}
