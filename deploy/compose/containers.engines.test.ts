/** The whole of compose.yaml on real engines but for the containers: started, used, measured, drained. */
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf, getJson, post } from "../../test/world/clients.ts";
import { forget } from "../../test/world/names.ts";
import { type Container, startContainers } from "./containers.fixture.ts";
import { buildImage, type Image } from "./image.fixture.ts";

// Twelve processes and their packages, on two cores.
const LONG_MS = 420_000;
const PATIENCE = { timeout: 180_000, interval: 500 };
vi.setConfig({ testTimeout: LONG_MS, hookTimeout: LONG_MS });

const { kafka, redisLedger, redisCache, cassandra, mysql } = inject("engines");
const engines = { kafka, redisLedger, redisCache, cassandra, mysql };
const name = `compose_${randomBytes(6).toString("hex")}`;

let image: Image;
let containers: readonly Container[];
let before: readonly string[];
const ends: (() => Promise<unknown>)[] = [];
const written = () => readdirSync(image.workdir, { recursive: true, encoding: "utf8" }).filter((name) => !name.startsWith("node_modules/"));
const of = (name: string) => containers.find((each) => each.name === name) as Container;

beforeAll(async () => {
  image = buildImage();
  ends.push(async () => image.remove());
  ends.push(() => forget(engines, name));
  before = written();
  containers = await startContainers(image, engines, name);
  ends.push(() => Promise.all(containers.map((each) => each.stop())));
});
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

test("every process becomes healthy by its own health check, and only the first key's owner gets in", async () => {
  await expect
    .poll(() => containers.filter((each) => !each.isHealthy()).map(({ name, output }) => [name, output().slice(-500)]), PATIENCE)
    .toEqual([]);
  expect((await fetch(`${of("ingest").url}/metrics`)).status).toBe(401);
  const shown = containers.filter(({ output }) => output().includes("The first API key")).map(({ name }) => name);
  expect(shown).toEqual(["access"]);
});

test("a notification goes through all of them: to the inbox, a browser at the gateway, and a mailbox", async () => {
  const [, credential = ""] = /first API key.*: (\S+)/.exec(of("access").output()) ?? [];
  const { url } = of("ingest");
  const admin = clientsOf(url, { credential });
  await admin.access.createEnvironment({ name: "staging", kind: EnvironmentKind.TEST });
  const key = await admin.access.createKey({ environment: "staging", name: "test", scopes: [Scope.ADMIN] });
  const { ingest, tracker, inbox, preferences } = clientsOf(url, { credential: key.credential });
  const authorized = { authorization: `Bearer ${key.credential}` };

  const { body } = await post(`${url}/gateway/token`, { user_id: "ann" }, authorized);
  expect(body.url).toBe(`${of("gateway").url.replace("http", "ws")}/ws`);
  const socket = new WebSocket(body.url);
  const frames: string[] = [];
  socket.onmessage = ({ data }) => void frames.push(String(data));
  await new Promise((resolve) => {
    socket.onopen = resolve;
  });
  socket.send(JSON.stringify({ hello: { token: body.token } }));
  await expect.poll(() => frames.join(), PATIENCE).toContain("welcome");

  await preferences.upsertPerson({ userId: "ann", email: "ann@example.com" });
  const { notificationId } = await ingest.send({ recipients: [{ userId: "ann" }], content: { title: "Ring", body: "There." } });
  await expect.poll(() => frames.join(), PATIENCE).toContain("Ring");
  await expect
    .poll(async () => (await inbox.listMessages({ userId: "ann" })).messages.map((each) => each.title), PATIENCE)
    .toEqual(["Ring"]);
  const sent = async () =>
    (await tracker.getNotification({ notificationId })).notification?.deliveries.map(({ channel, status }) => ({ channel, status }));
  await expect.poll(sent, PATIENCE).toEqual(
    expect.arrayContaining([
      { channel: Channel.EMAIL, status: DeliveryStatus.SENT },
      { channel: Channel.WEB, status: DeliveryStatus.SENT },
    ]),
  );
  socket.close();
  const { body: mailbox } = await getJson(`${url}/mailbox/messages`, authorized);
  expect(mailbox.messages).toMatchObject([{ to: ["ann@example.com"], subject: "Ring" }]);

  // As Prometheus asks.
  for (const each of containers) {
    const answer = await fetch(`${each.url}/metrics`, { headers: authorized });
    expect(await answer.text(), each.name).toContain("\ncarillon_ready 1");
  }
});

test("each drains and ends well when it is stopped, and has written no file", async () => {
  const codes = await Promise.all(containers.map(async (each) => [each.name, await each.stop()]));
  expect(codes).toEqual(containers.map(({ name }) => [name, 0]));
  expect(written()).toEqual(before);
});
