import fc from "fast-check";
import { expect, test } from "vitest";
import { fillOf } from "./lists.ts";
import type { Param } from "./mysql.ts";

const find = fillOf("SELECT a FROM t WHERE b = ? AND id IN (?...) AND c = ?;");
const add = fillOf("INSERT INTO t (id, kind, v) VALUES (?, 'x', ?)... ON DUPLICATE KEY UPDATE v = VALUES(v);");

test("a statement without a list takes its values as they are", () => {
  expect(fillOf("SELECT ?, ?")(["a", 1])).toEqual([{ text: "SELECT ?, ?", values: ["a", 1] }]);
});

test("a list is filled up to a power of two with its last item", () => {
  expect(find(["b", ["x", "y", "z"], 7])).toEqual([
    { text: "SELECT a FROM t WHERE b = ? AND id IN (?, ?, ?, ?) AND c = ?;", values: ["b", "x", "y", "z", "z", 7] },
  ]);
  expect(find(["b", [], 7])).toEqual([]);
});

test("rows go in several statements, each a power of two of them", () => {
  expect(
    add([
      [
        ["a", 1],
        ["b", 2],
        ["c", 3],
      ],
    ]),
  ).toEqual([
    {
      text: "INSERT INTO t (id, kind, v) VALUES (?, 'x', ?), (?, 'x', ?) ON DUPLICATE KEY UPDATE v = VALUES(v);",
      values: ["a", 1, "b", 2],
    },
    { text: "INSERT INTO t (id, kind, v) VALUES (?, 'x', ?) ON DUPLICATE KEY UPDATE v = VALUES(v);", values: ["c", 3] },
  ]);
});

test("large rows go by themselves: a statement stays under what a server takes", () => {
  const large = new Uint8Array(3 * 1024 * 1024);
  expect(
    add([
      [
        ["a", large],
        ["b", large],
        ["c", 1],
        ["d", 2],
      ],
    ]).map(({ values }) => values.length / 2),
  ).toEqual([1, 2, 1]);
});

test("nothing is lost and nothing is out of order, in a handful of texts", () => {
  const texts = new Set<string>();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3_000 }), (count) => {
      const ids = Array.from({ length: count }, (_, at) => `id ${at}`);
      const listed = find(["b", ids, 7]).flatMap(({ text, values }) => {
        texts.add(text);
        expect(text.split("?").length - 1).toBe(values.length);
        return values.slice(1, -1) as string[];
      });
      expect([...new Set(listed)]).toEqual(ids);
      const rows = add([ids.map((id, at): Param[] => [id, at])]).flatMap(({ text, values }) => {
        texts.add(text);
        return values.filter((_, at) => at % 2 === 0);
      });
      expect(rows).toEqual(ids);
    }),
  );
  expect(texts.size).toBeLessThanOrEqual(11 + 9);
});
