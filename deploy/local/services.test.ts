import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { rememberPorts } from "./port.ts";
import { plansOf, portsOf } from "./services.ts";

const FREE = { CARILLON_HTTP_PORT: "0", CARILLON_GRPC_PORT: "0", CARILLON_LEGACY_HTTP_PORT: "0", CARILLON_SMTP_SINK_PORT: "0" };

function ports() {
  const folder = mkdtempSync(join(tmpdir(), "carillon-services-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return rememberPorts(join(folder, "ports.json"));
}

test("a port that somebody listens on already is told with the setting that changes it", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  await expect(portsOf(ports(), { ...FREE, CARILLON_GRPC_PORT: String(port) })).rejects.toThrow(
    `Port ${port} is taken. Set CARILLON_GRPC_PORT to another.`,
  );
});

test("a module finds the others where they were at the start before", async () => {
  const remembered = ports();
  const first = await portsOf(remembered, FREE);
  expect(await portsOf(remembered, FREE)).toEqual(first);
  expect(new Set(Object.values(first)).size).toBe(Object.keys(first).length);
});

test("a service secret that is damaged stops the start with a sentence", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-services-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  writeFileSync(join(dataDir, "service.secret"), "");
  const engines = { kafka: [], mysql: "mysql://root@127.0.0.1:1", redisCache: "", redisLedger: "", cassandra: "" };
  expect(() => plansOf({ dataDir, engines, ports: { http: 1, grpc: 2, "legacy-http": 3, smtp: 4 }, oneProcess: true })).toThrow(
    /service\.secret has 0 bytes instead of 64/,
  );
});
