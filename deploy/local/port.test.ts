import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isFree, rememberPorts } from "./port.ts";

let folder: string;
let file: string;
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "carillon-ports-"));
  file = join(folder, "ports.json");
});
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const listen = (port: number) =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    servers.push(server);
  });

test("a second start takes the ports of the first", async () => {
  const first = rememberPorts(file);
  const taken = [await first.take("kafka-1"), await first.take("mariadb")];
  expect(new Set(taken).size).toBe(2);
  const second = rememberPorts(file);
  expect([await second.take("kafka-1"), await second.take("mariadb")]).toEqual(taken);
});

test("a port that somebody took meanwhile gives way to another, which is remembered from then on", async () => {
  const port = await rememberPorts(file).take("cassandra");
  await listen(port);
  const other = await rememberPorts(file).take("cassandra");
  expect(other).not.toBe(port);
  expect(await rememberPorts(file).take("cassandra")).toBe(other);
});

test("names asked for at once get different ports", async () => {
  const ports = rememberPorts(file);
  const taken = await Promise.all(Array.from({ length: 20 }, (_, index) => ports.take(`engine-${index}`)));
  expect(new Set(taken).size).toBe(20);
  expect(Object.values(JSON.parse(readFileSync(file, "utf8")))).toEqual(expect.arrayContaining(taken));
});

test("ports lie below those that systems give to outgoing connections", async () => {
  const port = await rememberPorts(file).take("redis-cache");
  expect(port).toBeGreaterThanOrEqual(20_000);
  expect(port).toBeLessThan(32_000);
});

test("a file that was cut off is begun anew", async () => {
  writeFileSync(file, '{"kafka-1": 21');
  const port = await rememberPorts(file).take("kafka-1");
  expect(await rememberPorts(file).take("kafka-1")).toBe(port);
});

test("a port is free until somebody listens at it", async () => {
  const port = await rememberPorts(file).take("mariadb");
  expect(await isFree(port)).toBe(true);
  await listen(port);
  expect(await isFree(port)).toBe(false);
});
