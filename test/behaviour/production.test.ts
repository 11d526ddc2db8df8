/** Production mode: the first key, who is let in and who is not, environments, test mail, a proxy in front. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf, getJson, post } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

const production = { CARILLON_MODE: "production" };
const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });
const mail = { recipients: [{ email: "ann@example.com" }], content: { title: "Hello", body: "There." } };

let sink: Sink;
let world: World;
beforeAll(async () => {
  sink = await openSink();
  world = await startWorld({
    env: {
      ...{ ...production, CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port), CARILLON_HOST: "0.0.0.0" },
      // Each test that fails on purpose comes from an address of its own.
      CARILLON_TRUST_PROXY: "true",
    },
  });
});
afterAll(async () => {
  await world.stop();
  await sink.close();
});

const admin = () => clientsOf(world.url, { credential: world.credential });
const keyTo = async (environment: string, ...scopes: Scope[]) => {
  const { credential, key } = await admin().access.createKey({ environment, name: "test", scopes });
  return { credential, prefix: key?.prefix as string, clients: clientsOf(world.url, { credential }) };
};
const environmentOf = async (name: string, kind: EnvironmentKind = EnvironmentKind.TEST) => {
  await admin().access.createEnvironment({ name, kind });
  return name;
};
const codeOf = (call: Promise<unknown>): Promise<Code> =>
  call.then(
    () => expect.fail("was answered"),
    (error) => error.code as Code,
  );

describe("the first key", () => {
  it("is printed once, in no log line, and kept nowhere as it is", async () => {
    const secret = world.credential.split(".")[1] as string;
    expect(world.credential).toMatch(/^ck_live_[0-9a-f]{16}\.[\w-]{43}$/);
    const lines = world.output().split("\n");
    expect(lines.filter((line) => line.includes(secret))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith("{") && line.includes(secret))).toEqual([]);
    const files = readdirSync(world.dataDir, { withFileTypes: true }).filter((entry) => entry.isFile());
    for (const { name } of files) expect(readFileSync(join(world.dataDir, name)).includes(secret), name).toBe(false);
  });

  it("is the only one: another start prints none, and the first goes on working", async () => {
    const first = await startWorld({ env: production });
    await first.end("SIGTERM");
    const again = await startWorld({ env: production, dataDir: first.dataDir });
    expect(again.credential).toBe("");
    const { access } = clientsOf(again.url, { credential: first.credential });
    expect((await access.listEnvironments({})).environments).toMatchObject([
      { name: "production", kind: EnvironmentKind.LIVE, home: true },
    ]);
    await again.end("SIGTERM");
    await first.stop();
  });

  it("is not used up by a start that fails", async () => {
    const port = new URL(world.url).port;
    const failing = await startWorld({ env: production });
    await failing.end("SIGTERM");
    await expect(startWorld({ env: { ...production, CARILLON_HTTP_PORT: port } })).rejects.toThrow(
      /^(?![\s\S]*first API key)[\s\S]*is taken/,
    );
    await failing.stop();
  });
});

describe("who calls", () => {
  it.each([
    ["without a key", { "x-forwarded-for": "203.0.113.1" }],
    ["with a wrong key", { "x-forwarded-for": "203.0.113.2", ...bearer(`ck_live_0123456789abcdef.${"A".repeat(43)}`) }],
    ["with no key of ours", { "x-forwarded-for": "203.0.113.3", authorization: "Basic YW5uOnNlY3JldA==" }],
  ])("%s is let in nowhere, over RPC and REST alike", async (_who, headers) => {
    const calls: [string, string][] = [
      ["POST", "/carillon.ingest.v1.IngestService/Send"],
      ["POST", "/notification_service/api/notifications"],
      ["GET", "/notification_service/api/notifications/01a1fd71-8461-72ae-95cc-ac4d6a7a9642"],
      ["POST", "/notify"],
      ["POST", "/api/v1/notifications"],
      ["POST", "/gateway/token"],
      ["GET", "/mailbox/messages"],
      ["DELETE", "/mailbox/messages"],
      ["GET", "/metrics"],
      ["GET", "/people"],
      ["GET", "/session"],
      ["GET", "/n/01a1fd71-8461-72ae-95cc-ac4d6a7a9642"],
    ];
    for (const [method, path] of calls) {
      const body = method === "POST" ? "{" : null;
      const answer = await fetch(world.url + path, { method, body, headers: { ...headers, "content-type": "application/json" } });
      expect([path, answer.status, await answer.text()]).toEqual([path, 401, expect.stringContaining("UNAUTHENTICATED")]);
    }
  });

  it("is told by the probes, which need no key, whether it is well; only a key that may read hears more", async () => {
    const { credential } = await keyTo(await environmentOf("probes"), Scope.READ);
    const send = await keyTo("probes", Scope.SEND);
    const ready = (headers: Record<string, string> = {}) => getJson(`${world.url}/readyz`, headers);
    const wrong = { "x-forwarded-for": "203.0.113.5", ...bearer(`ck_live_0123456789abcdef.${"A".repeat(43)}`) };
    for (const headers of [{}, wrong, bearer(send.credential)]) expect(await ready(headers)).toEqual({ status: 200, body: { ok: true } });
    expect(await ready(bearer(credential))).toEqual({ status: 200, body: { ok: true, why: [] } });
    expect(await getJson(`${world.url}/healthz`)).toEqual({ status: 200, body: { ok: true } });
  });

  it("has nobody to broadcast to until the settings say whom, and is told so", async () => {
    const { status, body } = await post(`${world.url}/notify`, { message: "The build is green" }, bearer(world.credential));
    expect([status, body.error.reason, body.error.violations]).toEqual([
      400,
      "INVALID_REQUEST",
      [{ field: "message", description: "would go nowhere: CARILLON_BROADCAST_DESTINATIONS is not set here" }],
    ]);
  });

  it("finds nothing under /dev, with a key or without", async () => {
    for (const path of ["/dev/mail", "/dev/mail/messages", "/dev/token"])
      expect((await fetch(world.url + path, { headers: bearer(world.credential) })).status).toBe(404);
  });

  it("with a key over REST is in the key's environment, whatever the body or a header says", async () => {
    const { credential, clients } = await keyTo(await environmentOf("rest"), Scope.SEND, Scope.READ);
    const headers = { ...bearer(credential), "x-environment": "production" };
    const { status, body } = await post(`${world.url}/api/v1/notifications`, { user_id: "ann", event_type: "x", content: "Hi" }, headers);
    expect(status).toBe(202);
    await expect
      .poll(async () => (await clients.tracker.listNotifications({})).notifications.map((each) => each.notificationId))
      .toEqual([body.id]);
    expect((await admin().tracker.listNotifications({ userId: "ann" })).notifications).toEqual([]);
    expect((await fetch(body.watch, { headers: bearer(credential) })).status).toBe(200);
    expect((await fetch(body.watch, { headers: bearer(world.credential) })).status).toBe(404);
  });

  it("may do what the key's scopes say and nothing else", async () => {
    const name = await environmentOf("scopes");
    const send = await keyTo(name, Scope.SEND);
    const read = await keyTo(name, Scope.READ);
    const { notificationId } = await send.clients.ingest.send(mail);
    await read.clients.tracker.getNotification({ notificationId });
    expect(await codeOf(send.clients.tracker.getNotification({ notificationId }))).toBe(Code.PermissionDenied);
    expect(await codeOf(read.clients.ingest.send(mail))).toBe(Code.PermissionDenied);
    for (const { clients } of [send, read]) expect(await codeOf(clients.access.listKeys({}))).toBe(Code.PermissionDenied);
    expect((await post(`${world.url}/notify`, { message: "x" }, bearer(read.credential))).status).toBe(403);
    expect((await fetch(`${world.url}/people`, { headers: bearer(send.credential) })).status).toBe(403);
    const admins = await keyTo(name, Scope.ADMIN);
    await admins.clients.tracker.getNotification({ notificationId });
    await admins.clients.ingest.send(mail);
  });

  it("may have a session in place of the key, which over TLS is bound to the host, and serves no other site's page", async () => {
    const { credential, prefix } = await keyTo(await environmentOf("sessions"), Scope.SEND, Scope.READ);
    const secure = { "x-forwarded-for": "203.0.113.4", "x-forwarded-proto": "https" };
    const begun = await fetch(`${world.url}/session`, {
      ...{ method: "POST", headers: { ...secure, "content-type": "application/json" }, body: JSON.stringify({ key: credential }) },
    });
    const setCookie = begun.headers.get("set-cookie") ?? "";
    expect([begun.status, setCookie]).toEqual([204, expect.stringMatching(/^__Host-carillon=.*; HttpOnly; SameSite=Strict; Secure$/)]);
    const cookie = setCookie.split(";")[0] as string;
    const asked = { ...secure, cookie };
    expect((await getJson(`${world.url}/session`, asked)).body).toEqual({ environment: "sessions", scopes: ["send", "read"] });
    expect((await fetch(`${world.url}/session`, { headers: { ...asked, "x-forwarded-proto": "http" } })).status).toBe(401);

    const send = (headers: Record<string, string>) => post(`${world.url}/carillon.ingest.v1.IngestService/Send`, mail, headers);
    const origin = world.url.replace("http", "https");
    for (const foreign of [{ origin: "https://evil.example" }, { origin, "sec-fetch-site": "same-site" }, {}])
      expect((await send({ ...asked, ...foreign })).body.code).toBe("permission_denied");
    const mine = { ...asked, origin, "sec-fetch-site": "same-origin" };
    expect((await send(mine)).status).toBe(200);

    await admin().access.revokeKey({ prefix });
    expect((await send(mine)).status).toBe(401);
    const ended = await fetch(`${world.url}/session`, { method: "DELETE", headers: mine });
    expect([ended.status, ended.headers.get("set-cookie")]).toEqual([204, expect.stringContaining("Max-Age=0")]);
  });

  it("loses the streams that are open when the key is revoked", async () => {
    const { prefix, clients } = await keyTo(await environmentOf("streams"), Scope.SEND, Scope.READ);
    const sendAt = timestampFromMs(Date.now() + 3_600_000);
    const { notificationId } = await clients.ingest.send({ ...mail, sendAt });
    const messages = clients.tracker.watchNotification({ notificationId })[Symbol.asyncIterator]();
    await messages.next();
    const ended = codeOf(messages.next());
    await admin().access.revokeKey({ prefix });
    expect(await ended).toBe(Code.Unauthenticated);
  });

  it("is out as soon as the key is revoked; an expired or rotated-out one is out too", async () => {
    const name = await environmentOf("ends");
    const revoked = await keyTo(name, Scope.READ);
    await revoked.clients.tracker.listNotifications({});
    await admin().access.revokeKey({ prefix: revoked.prefix });
    expect(await codeOf(revoked.clients.tracker.listNotifications({}))).toBe(Code.Unauthenticated);
    const old = await keyTo(name, Scope.READ);
    const { credential, key } = await admin().access.rotateKey({ prefix: old.prefix });
    for (const each of [old.clients, clientsOf(world.url, { credential })]) await each.tracker.listNotifications({});
    await admin().access.rotateKey({ prefix: key?.prefix as string, overlapS: 0 });
    expect(await codeOf(clientsOf(world.url, { credential }).tracker.listNotifications({}))).toBe(Code.Unauthenticated);
    const expiresAtMs = BigInt(Date.now() + 1_000);
    const short = await admin().access.createKey({ environment: name, name: "short", scopes: [Scope.READ], expiresAtMs });
    const { tracker } = clientsOf(world.url, { credential: short.credential });
    await tracker.listNotifications({});
    await expect
      .poll(() =>
        tracker.listNotifications({}).then(
          () => Code.Unknown,
          (error) => error.code,
        ),
      )
      .toBe(Code.Unauthenticated);
  });

  it("gets a gateway token for a person of the key's environment, which opens that person's bell", async () => {
    const { credential, clients } = await keyTo(await environmentOf("bells"), Scope.SEND);
    const read = await keyTo("bells", Scope.READ);
    expect((await post(`${world.url}/gateway/token`, { user_id: "bo" }, bearer(read.credential))).status).toBe(403);
    const { body } = await post(`${world.url}/gateway/token`, { user_id: "bo" }, bearer(credential));
    const socket = new WebSocket(body.url);
    const frames: string[] = [];
    socket.onmessage = ({ data }) => void frames.push(String(data));
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    socket.send(JSON.stringify({ hello: { token: body.token } }));
    await expect.poll(() => frames.join()).toContain("welcome");
    await clients.ingest.send({ recipients: [{ userId: "bo" }], content: { title: "Ring" } });
    await expect.poll(() => frames.join()).toContain("Ring");
    socket.close();
  });
});

describe("a test environment", () => {
  it("reaches no provider: its mails are in its mailbox, for its own keys to read", async () => {
    const { credential, clients } = await keyTo(await environmentOf("staging"), Scope.SEND, Scope.READ);
    const other = await keyTo(await environmentOf("qa"), Scope.READ);
    const { notificationId } = await clients.ingest.send(mail);
    const status = async () => (await clients.tracker.getNotification({ notificationId })).notification?.status;
    await expect.poll(status).toBe(NotificationStatus.SENT);
    const { body } = await getJson(`${world.url}/mailbox/messages`, bearer(credential));
    expect(body.messages).toMatchObject([{ subject: "Hello", to: ["ann@example.com"] }]);
    const html = `${world.url}/mailbox/messages/${body.messages[0].id}/html`;
    expect((await fetch(html, { headers: bearer(credential) })).status).toBe(200);
    for (const stranger of [other.credential, world.credential]) {
      expect((await getJson(`${world.url}/mailbox/messages`, bearer(stranger))).body.messages).toEqual([]);
      expect((await fetch(html, { headers: bearer(stranger) })).status).toBe(404);
    }
    // After it, so that what was wrongly under way would be here by now.
    const live = await admin().ingest.send({ ...mail, content: { title: "For real" } });
    await expect.poll(() => sink.byDelivery.size).toBe(1);
    const { notification } = await admin().tracker.getNotification({ notificationId: live.notificationId });
    expect([...sink.byDelivery.keys()]).toEqual([notification?.deliveries[0]?.deliveryId]);
  });

  it("is what development leaves behind: its mails that still wait reach no provider, and its mailbox has them", async () => {
    const elsewhere = await openSink();
    const before = await startWorld({ env: { CARILLON_EMAIL_CONSUMER_ENABLED: "false" } });
    const { notificationId } = await clientsOf(before.url).ingest.send(mail);
    await before.end("SIGTERM");
    const server = { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(elsewhere.port) };
    const after = await startWorld({ env: { ...production, ...server }, dataDir: before.dataDir });
    const { access, ingest } = clientsOf(after.url, { credential: after.credential });
    const { credential } = await access.createKey({ environment: "development", name: "test", scopes: [Scope.READ] });
    const { tracker } = clientsOf(after.url, { credential });
    await expect.poll(async () => (await tracker.getNotification({ notificationId })).notification?.status).toBe(NotificationStatus.SENT);
    const kept = await getJson(`${after.url}/mailbox/messages`, bearer(credential));
    expect(kept.body.messages).toMatchObject([{ subject: "Hello", to: ["ann@example.com"] }]);
    // After it, so that what was wrongly under way would be here by now.
    await ingest.send({ ...mail, content: { title: "For real" } });
    await expect.poll(() => elsewhere.mails.map((each) => /^Subject: (.*)\r$/m.exec(each)?.[1])).toEqual(["For real"]);
    await after.end("SIGTERM");
    await before.stop();
    await elsewhere.close();
  });

  it("has addresses that answer as a provider might", async () => {
    const { clients } = await keyTo(await environmentOf("simulator"), Scope.SEND, Scope.READ);
    const { notificationId } = await clients.ingest.send({ ...mail, recipients: [{ email: "rejected@simulator.test" }] });
    const status = async () => (await clients.tracker.getNotification({ notificationId })).notification?.status;
    await expect.poll(status).toBe(NotificationStatus.FAILED);
  });
});

describe("the way to it", () => {
  it("may have a trusted proxy in front: its word counts for addresses and links, and nobody else's does", async () => {
    const behind = await startWorld({ env: { ...production, CARILLON_TRUST_PROXY: "true" } });
    const event = { user_id: "ann", event_type: "x", content: "Hi" };
    const by = (address: string) => ({ "x-forwarded-for": `10.9.9.9, ${address}`, "x-forwarded-proto": "https" });
    const asked = async (url: string, address: string, credential = "none") =>
      post(`${url}/api/v1/notifications`, event, { ...bearer(credential), ...by(address) });
    expect((await asked(behind.url, "203.0.113.9", behind.credential)).body.watch).toMatch(behind.url.replace("http", "https"));
    for (let time = 0; time < 20; time++) expect((await asked(behind.url, "203.0.113.9")).status).toBe(401);
    const slowed = await asked(behind.url, "203.0.113.9");
    expect([slowed.status, Number(slowed.headers.get("retry-after"))]).toEqual([429, expect.any(Number)]);
    expect((await asked(behind.url, "203.0.113.10")).status).toBe(401);
    expect((await asked(behind.url, "203.0.113.9", behind.credential)).status).toBe(202);
    await behind.stop();
    const open = await startWorld({ env: production });
    const statuses: number[] = [];
    for (let time = 0; time <= 20; time++) statuses.push((await asked(open.url, `203.0.113.${time}`)).status);
    expect(statuses.at(-1)).toBe(429);
    expect((await asked(open.url, "203.0.113.9", open.credential)).body.watch).toMatch(/^http:/);
    await open.stop();
  });
});
