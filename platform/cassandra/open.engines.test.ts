import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import pino from "pino";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished, vi } from "vitest";
import { needsOf, openWire, operator, randomWord, type TestKeyspace, testKeyspace } from "./cassandra.fixture.ts";
import { openCassandra } from "./open.ts";

const NOTES = new URL("./notes.cql", import.meta.url);
const run = promisify(execFile);
const LONG = { timeout: 30_000 };

let keyspace: TestKeyspace;
beforeAll(async () => {
  keyspace = await testKeyspace();
  // It is the first session that makes the keyspace.
  await keyspace.open();
});
afterAll(() => keyspace.drop());

/** The name of one that is not there, and is gone afterwards. */
function freshKeyspace(): string {
  const name = randomWord();
  onTestFinished(async () => {
    const client = operator();
    await client.execute(`DROP KEYSPACE IF EXISTS ${name}`);
    await client.shutdown();
  });
  return name;
}

function logged() {
  const lines: { msg: string; why?: string }[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  return { lines, logger: pino({}, stream) };
}

describe("a session", () => {
  it("waits for a cluster that is not there yet, and says for what", async () => {
    const wire = await openWire();
    await wire.refuse();
    const { lines, logger } = logged();
    const coming = keyspace.open({ contactPoints: [wire.address], logger });
    await vi.waitFor(() => expect(lines).not.toHaveLength(0));
    expect(lines[0]).toMatchObject({ msg: `waiting for Cassandra at ${wire.address}`, why: "ECONNREFUSED" });
    await wire.accept();
    expect((await coming).health()).toEqual({ ok: true, why: [] });
  });

  it("stops waiting when it is told to", async () => {
    const wire = await openWire();
    await wire.refuse();
    const stop = new AbortController();
    const coming = keyspace.open({ contactPoints: [wire.address], signal: stop.signal });
    stop.abort(new Error("the process ends"));
    await expect(coming).rejects.toThrow("the process ends");
  });

  it("refuses a data center that is not there, and names those that are", async () => {
    await expect(keyspace.open({ localDataCenter: "elsewhere" })).rejects.toThrow(
      /has no data center "elsewhere"; it has datacenter1\. Configure one of those/,
    );
  });

  it("says how to create a keyspace that is not there, where it is not asked to", async () => {
    const { createWithReplicas: _, ...needs } = needsOf(randomWord());
    await expect(openCassandra(needs)).rejects.toThrow(/has no keyspace "test_\w+"\. Create it: CREATE KEYSPACE .*'datacenter1': 3/);
  });

  it("answers UNAVAILABLE while the cluster is gone, is not ready, and goes on when it is back", async () => {
    const wire = await openWire();
    const { lines, logger } = logged();
    const metrics = new Registry();
    const session = await keyspace.open({ contactPoints: [wire.address], deadlineMs: 2_000, logger, metrics });
    const cql = await session.cql(NOTES);
    await cql.write([{ name: "put", params: ["a", "words"] }]);
    await wire.refuse();
    await expect.poll(() => session.health().why, LONG).toEqual([expect.stringMatching(/^Cassandra does not answer/)]);
    await expect(cql.read("get", ["a"])).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await expect(cql.write([{ name: "put", params: ["a", "more"] }])).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await wire.accept();
    await expect.poll(() => session.health().ok, LONG).toBe(true);
    expect(await cql.read("get", ["a"])).toMatchObject([{ id: "a", words: "words" }]);
    expect(lines.map(({ msg }) => msg)).toContain("Cassandra answers again");
    expect(await metrics.metrics()).toMatch(/carillon_cassandra_request_seconds_count\{request="write",as="unavailable"\} 1/);
  });

  it("gives up what is not answered by its deadline, however many ask", async () => {
    const wire = await openWire();
    const session = await keyspace.open({ contactPoints: [wire.address], deadlineMs: 500, mostRequests: 4 });
    const cql = await session.cql(NOTES);
    await cql.read("get", ["a"]);
    wire.mute();
    const asked = await Promise.allSettled(Array.from({ length: 300 }, () => cql.read("get", ["a"])));
    for (const each of asked) expect(each).toMatchObject({ status: "rejected", reason: { reason: "STORE_UNAVAILABLE" } });
    await wire.accept();
    await expect.poll(() => cql.read("get", ["nobody"]).catch(() => undefined), LONG).toEqual([]);
  });

  it("reads more rows than a page has", async () => {
    const cql = await (await keyspace.open()).cql(NOTES);
    const ids = Array.from({ length: 2_500 }, (_, n) => `page-${n}`);
    await Promise.all(ids.map((id) => cql.write([{ name: "put", params: [id, ""] }])));
    expect((await cql.read("all", [])).filter(({ id }) => String(id).startsWith("page-"))).toHaveLength(2_500);
  });

  it("keeps a mistake in a statement apart from a cluster that does not answer", async () => {
    const cql = await (await keyspace.open()).cql(NOTES);
    await expect(cql.read("wrong", [])).rejects.toThrow("nothing");
    await expect(cql.read("wrong", [])).rejects.not.toMatchObject({ reason: "STORE_UNAVAILABLE" });
  });
});

describe("migrations", () => {
  const tablesOf = async (name: string) => {
    const { rows } = await keyspace.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", [name]);
    return rows.map((row) => row.table_name).sort();
  };
  const all = ["last_notes", "locks", "more_notes", "notes", "schema_versions"];

  it("are run once by several processes at once, the keyspace included", async () => {
    const name = freshKeyspace();
    const program = fileURLToPath(new URL("./migrate.fixture.ts", import.meta.url));
    const [contactPoint = ""] = inject("engines").cassandra.split(",");
    const said = await Promise.all(
      [1, 2, 3].map(async () =>
        (await run(process.execPath, [program, contactPoint, name, NOTES.href]).catch((error) => error)).stdout.trim(),
      ),
    );
    expect(said).toEqual(["migrated", "migrated", "migrated"]);
    expect(await tablesOf(name)).toEqual(all);
    const { rows } = await keyspace.execute(`SELECT store, version FROM ${name}.schema_versions`);
    expect(rows).toMatchObject([{ store: "cassandra/notes.cql", version: 2 }]);
  });

  it("left half done are finished by the next run, once the lock of who left them has ended", async () => {
    const name = freshKeyspace();
    await (await openCassandra(needsOf(name))).close();
    await keyspace.execute(`CREATE TABLE ${name}.notes (id text PRIMARY KEY, words text)`);
    await keyspace.execute(`INSERT INTO ${name}.locks (name, holder) VALUES ('schema', 'who died') IF NOT EXISTS USING TTL 2`);
    const { lines, logger } = logged();
    const session = await openCassandra(needsOf(name, { logger }));
    onTestFinished(() => session.close());
    await (await session.cql(NOTES)).write([{ name: "put", params: ["a", "words"] }]);
    expect(await tablesOf(name)).toEqual(all);
    expect(lines.map(({ msg }) => msg)).toEqual(["waiting for another process, which changes the schema in Cassandra"]);
  });

  it("of a newer program are refused with a sentence", async () => {
    const folder = mkdtempSync(join(tmpdir(), "carillon-cql-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const newer = pathToFileURL(join(folder, "notes.cql"));
    const text = readFileSync(NOTES, "utf8");
    const session = await keyspace.open();
    writeFileSync(
      newer,
      text.replace("-- name: put\n", "-- name: schema-3\nCREATE TABLE IF NOT EXISTS n3 (id text PRIMARY KEY);\n\n-- name: put\n"),
    );
    await session.cql(newer);
    writeFileSync(newer, text);
    await expect(session.cql(newer)).rejects.toThrow(/written by a newer version .* is at 3, this one knows 2/);
  });
});
