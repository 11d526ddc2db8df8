/** The server out of reach, in every way that a test can bring about from outside. */
import { createServer } from "node:net";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { type TcpProxy, tcpProxy } from "../../test/fakes/tcp-proxy.ts";
import type { Mysql, MysqlNeeds } from "./mysql.ts";

const STATEMENTS = new URL("./notes.mysql.sql", import.meta.url);

let database: TestDatabase;
let proxy: TcpProxy;
let lines: { msg: string; code?: string }[];

beforeAll(async () => {
  database = await testDatabase();
  await (await database.open()).tables(STATEMENTS);
});
afterAll(() => database.end());
beforeEach(async () => {
  const { hostname, port } = new URL(database.url);
  proxy = await tcpProxy({ host: hostname, port: Number(port) });
  lines = [];
});
afterEach(async () => {
  await proxy.close();
  await database.admin.query("DELETE FROM notes");
});

const through = (more: Partial<MysqlNeeds> = {}): Promise<Mysql> => {
  const url = Object.assign(new URL(database.url), { hostname: "127.0.0.1", port: String(proxy.port) }).href;
  // Those of tests before this one are open until the end, and have their own lines.
  const mine = lines;
  const logger = pino({ level: "info" }, { write: (line: string) => mine.push(JSON.parse(line)) });
  return database.open({ url, logger, ...more });
};
const said = (words: string) => lines.filter(({ msg }) => msg.includes(words));
const unavailable = { reason: "STORE_UNAVAILABLE" };

test("at the start the server is waited for, and the log says what for", async () => {
  await proxy.refuse();
  const opening = through();
  await vi.waitFor(() => expect(said("waiting for MySQL at 127.0.0.1").length).toBeGreaterThanOrEqual(2), 10_000);
  expect(lines[0]).toMatchObject({ msg: `waiting for MySQL at 127.0.0.1:${proxy.port}`, code: "ECONNREFUSED" });
  await proxy.accept();
  expect(await (await (await opening).tables(STATEMENTS)).get("count")).toEqual({ count: 0 });
});

test("waiting for the server ends when the process is told to end", async () => {
  await proxy.refuse();
  const stop = new AbortController();
  const opening = through({ signal: stop.signal });
  await vi.waitFor(() => expect(lines).not.toEqual([]));
  stop.abort();
  await expect(opening).rejects.toThrow(`MySQL at 127.0.0.1:${proxy.port} was not there yet.`);
});

test("what listens there and is no MySQL is waited for, with the reason in the log", async () => {
  const mute = createServer((socket) => void socket.on("error", () => {}).write("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  const { port } = mute.address() as { port: number };
  const stop = new AbortController();
  const opening = through({ url: `mysql://root@127.0.0.1:${port}/x`, connectTimeoutMs: 100, signal: stop.signal });
  await vi.waitFor(() => expect(lines).toMatchObject([{ msg: `waiting for MySQL at 127.0.0.1:${port}`, code: "ETIMEDOUT" }]));
  stop.abort();
  await expect(opening).rejects.toThrow("was not there yet");
  mute.close();
});

test("a server that goes and returns: unavailable meanwhile, told by health and log, then all is as before", async () => {
  const mysql = await through();
  const notes = await mysql.tables(STATEMENTS);
  await Promise.all(Array.from({ length: 20 }, (_, at) => notes.run("add", `before ${at}`, "x")));
  await proxy.refuse();
  const calls = await Promise.allSettled(Array.from({ length: 50 }, () => notes.get("count")));
  for (const call of calls) expect(call).toMatchObject({ status: "rejected", reason: unavailable });
  await vi.waitFor(
    () => expect(mysql.health()).toEqual({ ok: false, why: `MySQL at 127.0.0.1:${proxy.port} does not answer (ECONNREFUSED)` }),
    10_000,
  );
  expect(said("does not answer")).toHaveLength(1);
  await proxy.accept();
  expect(await notes.get("count")).toEqual({ count: 20 });
  await vi.waitFor(() => expect(mysql.health()).toEqual({ ok: true }), 10_000);
  expect(said("answers again")).toHaveLength(1);
});

test("connections that are cut while they are used fail their calls and no later ones", async () => {
  const notes = await (await through()).tables(STATEMENTS);
  const sleeping = Promise.allSettled(Array.from({ length: 5 }, () => notes.get("sleep", 5)));
  await vi.waitFor(async () => {
    const [rows] = await database.admin.query(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE '%SLEEP(%' AND ID <> CONNECTION_ID()",
    );
    expect(rows).toHaveLength(5);
  }, 5_000);
  proxy.cut();
  for (const call of await sleeping) expect(call).toMatchObject({ status: "rejected", reason: unavailable });
  expect(await notes.get("count")).toEqual({ count: 0 });
});

test("a connection that is lost before the commit is answered is unavailable, and the work is not done a second time", async () => {
  const notes = await (await through()).tables(STATEMENTS);
  await notes.run("add", "a", "x");
  let times = 0;
  const lost = notes.transaction(async (sql) => {
    times++;
    await sql.run("count-up", "a");
    proxy.cut();
  });
  await expect(lost).rejects.toMatchObject(unavailable);
  expect(times).toBe(1);
});

test("a server that does not answer is given up at the deadline; no call waits longer, and no connection stays with the dead", async () => {
  const metrics = new Registry();
  const notes = await (await through({ connections: 2, statementTimeoutMs: 300, metrics })).tables(STATEMENTS);
  await notes.get("count");
  proxy.hold();
  const calls = await Promise.allSettled(Array.from({ length: 1_100 }, () => notes.get("count")));
  for (const call of calls) expect(call).toMatchObject({ status: "rejected", reason: unavailable });
  proxy.cut();
  proxy.release();
  await vi.waitFor(async () => expect(await notes.get("count")).toEqual({ count: 0 }), 10_000);
  const found = (await metrics.getSingleMetric("carillon_mysql_connections")?.get())?.values;
  expect(found).toMatchObject([
    { labels: { state: "lent" }, value: 0 },
    { labels: { state: "waiting" }, value: 0 },
  ]);
});

test("more callers than may wait for a connection are refused at once", async () => {
  const notes = await (await through({ connections: 1 })).tables(STATEMENTS);
  const slow = notes.get("sleep", 1);
  const calls = await Promise.allSettled(Array.from({ length: 1_050 }, () => notes.get("count")));
  const refused = calls.filter(({ status }) => status === "rejected");
  expect(refused.length).toBeGreaterThanOrEqual(49);
  expect(refused.length).toBeLessThanOrEqual(51);
  for (const call of refused) expect(call).toMatchObject({ reason: unavailable });
  await slow;
});

test("wrong credentials, and a user without rights, are one sentence without the password", async () => {
  const { host } = new URL(database.url);
  const says = (at: string) =>
    database.open({ url: at }).then(
      () => "",
      (error: Error) => error.message,
    );
  expect(await says(`mysql://nobody:geheim@${host}/carillon`)).toBe(
    `MySQL at ${host} does not let the user "nobody" in. Check the user and the password in its address.`,
  );
  const user = `u${new URL(database.url).pathname.slice(-12)}`;
  await database.admin.query(`CREATE USER ${user} IDENTIFIED BY 'geheim'`);
  try {
    expect(await says(`mysql://${user}:geheim@${host}/no_such_database`)).toBe(
      `MySQL at ${host} does not let the user "${user}" use the database "no_such_database". Create it, and grant that user all rights on it.`,
    );
  } finally {
    await database.admin.query(`DROP USER ${user}`);
  }
});

test("a database that is not there yet is made where the user may", async () => {
  const url = `${database.url}_more-of it`;
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  const notes = await (await database.open({ url })).tables(STATEMENTS);
  try {
    expect(await notes.get("count")).toEqual({ count: 0 });
  } finally {
    await database.admin.query(`DROP DATABASE \`${name}\``);
  }
});
