import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { operator, type TestKeyspace, testKeyspace } from "./cassandra.fixture.ts";
import type { Cql } from "./cassandra.ts";
import { Partitions } from "./partitions.ts";
import { routingKey } from "./routing-key.ts";

let keyspace: TestKeyspace;
let cql: Cql;
const metrics = new Registry();

beforeAll(async () => {
  keyspace = await testKeyspace();
  cql = await (await keyspace.open({ metrics })).cql(new URL("./notes.cql", import.meta.url));
});
afterAll(() => keyspace.drop());

async function requestsOf(work: () => Promise<void>): Promise<number> {
  const count = async () =>
    Number(/carillon_cassandra_request_seconds_count\{request="write",as="done"\} (\d+)/.exec(await metrics.metrics())?.[1] ?? 0);
  const before = await count();
  await work();
  return (await count()) - before;
}

const put = (id: string, words: string) => ["notes", [id], { name: "put", params: [id, words] }] as const;
const wordsOf = async (id: string) => (await cql.read("get", [id]))[0]?.words;

test("small partitions share a request, ten at most; every row of them is written", async () => {
  const written = new Partitions();
  for (let nth = 0; nth < 25; nth++) written.add(...put(`small ${nth}`, `words ${nth}`));
  expect(await requestsOf(() => written.write(cql))).toBe(3);
  for (const nth of [0, 9, 10, 24]) expect(await wordsOf(`small ${nth}`)).toBe(`words ${nth}`);
});

test("what is larger than Cassandra likes to see in a shared request has one of its own", async () => {
  const written = new Partitions();
  for (const [id, length] of [
    ["a", 3_000],
    ["large", 9_000],
    ["b", 3_000],
    ["c", 1_000],
  ] as const)
    written.add(...put(id, "x".repeat(length)));
  expect(await requestsOf(() => written.write(cql))).toBe(3);
  for (const [id, length] of [
    ["a", 3_000],
    ["large", 9_000],
    ["b", 3_000],
    ["c", 1_000],
  ] as const)
    expect(await wordsOf(id)).toHaveLength(length);
});

test("rows of one partition stay together, a hundred in a request", async () => {
  const written = new Partitions();
  for (let nth = 0; nth < 250; nth++) written.add("notes", ["one"], { name: "put", params: ["one", "x".repeat(100)] });
  expect(await requestsOf(() => written.write(cql))).toBe(3);
});

test("a partition's hosts are looked for where Cassandra puts it", async () => {
  const client = operator();
  await client.connect();
  try {
    await keyspace.execute("CREATE TABLE KEYSPACE_placed (a text, b bigint, c int, PRIMARY KEY ((a, b, c)))");
    const key = ["development", 494_803n, -7] as const;
    await keyspace.execute("INSERT INTO KEYSPACE_placed (a, b, c) VALUES (?, ?, ?)", key);
    await keyspace.execute("INSERT INTO KEYSPACE_notes (id) VALUES ('alone')");
    const tokenOf = async (query: string) => String((await keyspace.execute(query)).rows[0]?.hash);
    const hashed = (bytes: Buffer) => String(client.metadata.newToken(bytes));
    expect(hashed(routingKey(key))).toContain(await tokenOf("SELECT token(a, b, c) AS hash FROM KEYSPACE_placed"));
    expect(hashed(routingKey(["alone"]))).toContain(await tokenOf("SELECT token(id) AS hash FROM KEYSPACE_notes WHERE id = 'alone'"));
  } finally {
    await client.shutdown();
  }
});
