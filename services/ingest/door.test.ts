/** Ingest behind the real server: requests that are odd, large or late leave nothing behind that the next one meets. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import * as topics from "#domain/topics.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Given } from "#platform/host.ts";
import { post, raw, send, started, valid } from "#platform/rpc/server.fixture.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { ingest } from "./module.ts";
import { sqliteReservations } from "./reservations.sqlite.ts";

const SEND_BATCH = "/carillon.ingest.v1.IngestService/SendBatch";
const KEY = "Bearer right";

let at: Trial;
let folder: string;
let database: Database;
let door: Awaited<ReturnType<typeof started>>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-ingest-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  at = trial(topics.all);
  const settings = {
    ...{ mode: "production" as const, "raw-topics": [], "broadcast.destinations": [], "consumer-group-id": "" },
    ...{ "ingest.memory-mib": 8, "ingest.most-lag": 0 },
  };
  const client = () => expect.fail("nobody else is asked");
  const {
    rpc,
    routes = [],
    shedders = [],
  } = await ingest.build(settings, { ...at, client } as unknown as Given, await sqliteReservations(database));
  const authenticate = (headers: Headers) => {
    if (headers.get("authorization") !== KEY) throw new Problem("UNAUTHENTICATED");
    return { environment: "staging", internal: false, scopes: [Scope.ADMIN] };
  };
  door = await started({}, { rpc: rpc ? [rpc] : [], routes, shedders, authenticate });
});
afterEach(async () => {
  await at.end();
  await database.close();
  rmSync(folder, { recursive: true });
});

const held = async () => (await at.metrics.getSingleMetric("carillon_ingest_held_bytes")?.get())?.values[0]?.value;
const call = (path: string, body: string) => post(door.url + path, body, { authorization: KEY });
const head = (path: string, more: string) => `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${more}`;

describe("a length that is not one whole number", () => {
  const body = JSON.stringify(valid);
  it.each([
    ["is given twice", `content-length: ${body.length}\r\ncontent-length: ${body.length}`],
    ["is given twice and differs", `content-length: ${body.length}\r\ncontent-length: 7`],
    ["is a list", `content-length: ${body.length}, ${body.length}`],
    ["is empty", "content-length:"],
    ["has a sign", `content-length: +${body.length}`],
  ])("is refused, its connection closed, and nothing of it stays: it %s", async (_what, lengths) => {
    for (const path of [send, "/api/v1/notifications"])
      expect(await raw(door.port, `${head(path, `authorization: ${KEY}\r\n${lengths}`)}\r\n\r\n${body}`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await held()).toBe(0);
    expect((await call(send, body)).status).toBe(200);
    await expect.poll(held).toBe(0);
  });
});

describe("chunks that come after the answer", () => {
  it.each([send, "/api/v1/notifications"])("are held by nobody: %s", async (path) => {
    const socket = await new Promise<Socket>((resolve) => {
      const opened = connect(door.port, "127.0.0.1", () => resolve(opened));
    });
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.write(head(path, `authorization: Bearer wrong\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`));
    await vi.waitFor(() => expect(answer).toMatch(/^HTTP\/1\.1 401 /));
    const chunk = "x".repeat(100_000);
    socket.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(5));
    // The answer to the next one on the same connection says that those before it were read.
    socket.write(`0\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    await vi.waitFor(() => expect(answer).toMatch(/HTTP\/1\.1 404 /));
    expect(await held()).toBe(0);
    socket.destroy();
  });
});

describe("a large SendBatch in JSON", () => {
  const filled = { ...valid, content: { title: "Hello", body: "x".repeat(1_000) } };
  const notifications = Array.from({ length: 300 }, () => filled);
  const told = async (answer: Response) =>
    [answer.status, ((await answer.json()) as { details?: { debug: unknown }[] }).details?.map(({ debug }) => debug)] as const;
  const unknownField = [400, expect.arrayContaining([{ fieldViolations: [{ field: "padding", description: 'unknown field "padding"' }] }])];

  it("is taken in parts", async () => {
    const answer = await call(SEND_BATCH, JSON.stringify({ notifications }));
    expect(answer.status).toBe(200);
    expect(await at.records(topics.raw)).toHaveLength(300);
    await expect.poll(held).toBe(0);
  });

  it.each([10, 100_000, 3_900_000])("with an unknown field of %d characters is told its name", async (length) => {
    const padding = "x".repeat(length);
    expect(await told(await call(SEND_BATCH, JSON.stringify({ notifications: [], padding })))).toEqual(unknownField);
    expect(await told(await call(SEND_BATCH, JSON.stringify({ notifications: [valid], padding })))).toEqual(unknownField);
  });
});
