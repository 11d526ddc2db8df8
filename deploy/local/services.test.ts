import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { databaseUrl } from "./given.ts";
import { tryLock } from "./lock.ts";
import { rememberPorts } from "./port.ts";
import { checkFront, plansOf, portsOf } from "./services.ts";

const FREE = { CARILLON_HTTP_PORT: "0", CARILLON_GRPC_PORT: "0", CARILLON_LEGACY_HTTP_PORT: "0", CARILLON_SMTP_SINK_PORT: "0" };

const main = fileURLToPath(new URL("./main.ts", import.meta.url));

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "carillon-services-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}
const ports = () => rememberPorts(join(folder(), "ports.json"));

/** Answers the port of somebody who listens. */
async function listener(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test("ports that somebody listens on already are told all at once, each with the setting that changes it", async () => {
  const [http, grpc] = [await listener(), await listener()];
  const env = { ...FREE, CARILLON_HTTP_PORT: String(http), CARILLON_GRPC_PORT: String(grpc) };
  const told = `Port ${http} is taken. Set CARILLON_HTTP_PORT to another.\nPort ${grpc} is taken. Set CARILLON_GRPC_PORT to another.`;
  await expect(checkFront(env)).rejects.toThrow(told);
  await expect(portsOf(ports(), env)).rejects.toThrow(told);
});

test("they are told before any engine is started", async () => {
  const dataDir = folder();
  const port = await listener();
  const mesh = promisify(execFile)(process.execPath, ["--no-warnings", main, "--data-dir", dataDir], {
    env: { PATH: process.env.PATH, ...FREE, CARILLON_SMTP_SINK_PORT: String(port) },
  });
  await expect(mesh).rejects.toMatchObject({ code: 1, stderr: `Port ${port} is taken. Set CARILLON_SMTP_SINK_PORT to another.\n` });
  expect(readdirSync(dataDir)).toEqual([]);
});

test("a port that nothing will listen on in production may be taken", async () => {
  const env = { ...FREE, CARILLON_MODE: "production", CARILLON_SMTP_SINK_PORT: String(await listener()) };
  await expect(checkFront(env)).resolves.toBeUndefined();
});

test("that the directory is in use is told before ports that are taken", async () => {
  const dataDir = folder();
  const held = join(dataDir, "engines");
  mkdirSync(held);
  const lock = tryLock(join(held, "engines"));
  onTestFinished(() => lock?.release());
  const mesh = promisify(execFile)(process.execPath, ["--no-warnings", main, "--data-dir", dataDir], {
    env: { PATH: process.env.PATH, ...FREE, CARILLON_HTTP_PORT: String(await listener()) },
  });
  await expect(mesh).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(`^The directory ${held} is in use: [^\n]*\n$`) });
});

test("settings that are wrong are told in a sentence each, before anything is started", async () => {
  const dataDir = folder();
  const mesh = promisify(execFile)(process.execPath, ["--no-warnings", main, "--data-dir", dataDir], {
    env: {
      PATH: process.env.PATH,
      CARILLON_HTTP_PORT: "80800",
      CARILLON_HTTP_PRT: "8080",
      CARILLON_MODE: "prod",
      CARILLON_KAFKA_BROKERS: "a",
    },
  });
  const { code, stderr } = await mesh.then(
    () => expect.fail("was started"),
    (error: { code: number; stderr: string }) => error,
  );
  expect({
    code,
    said: stderr
      .trim()
      .split("\n")
      .map((line) => line.replace(/ \(.*/, "")),
  }).toEqual({
    code: 1,
    said: [
      "CARILLON_HTTP_PRT is not a setting; did you mean CARILLON_HTTP_PORT?",
      'CARILLON_MODE is "prod" but must be development or production',
      'CARILLON_HTTP_PORT is "80800" but must be a whole number from 0 to 65535',
      'CARILLON_KAFKA_BROKERS is "a" but must be like kafka-1:9092,kafka-2:9092',
    ],
  });
  expect(readdirSync(dataDir)).toEqual([]);
});

test("a server that is given without a database is told one", () => {
  expect(databaseUrl("mysql://root@db:3306")).toBe("mysql://root@db:3306/carillon");
  expect(databaseUrl("mysql://root@db:3306/")).toBe("mysql://root@db:3306/carillon");
  expect(databaseUrl("mysql://root@db:3306/own")).toBe("mysql://root@db:3306/own");
});

test.each([
  [["--broker", "3"], /^There is no option --broker; did you mean "--brokers"\? npm run mesh -- \[--brokers 1 \| 3\]/],
  [["--brokers", "2"], /^--brokers is 1 or 3, not 2\. npm run mesh -- /],
])("what the launcher does not take, as %j, is told with what it does", async (args, said) => {
  const mesh = promisify(execFile)(process.execPath, ["--no-warnings", main, ...args]);
  await expect(mesh).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(said) });
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
