/**
 * Environments cannot see each other: every method of every service, and every REST route, called with a foreign key about what is there,
 * answers word for word what it answers about what never was. A method or a route that is missing here fails the test.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { DescService } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Route } from "#platform/rpc/route.ts";
import { consoleRoom } from "../../services/console/module.ts";
import { ingest as ingestModule } from "../../services/ingest/module.ts";
import { clientsOf, getJson, transportOf } from "../world/clients.ts";
import { startWorld, type World } from "../world/world.ts";

/** What somebody may know of another environment, or make up. */
interface Names {
  readonly environment: string;
  readonly keyPrefix: string;
  readonly userId: string;
  readonly notificationId: string;
  readonly idempotencyKey: string;
  readonly template: string;
  readonly deadLetterId: string;
  readonly replayId: string;
  readonly mailId: string;
}

const MARK = "nobody-else-may-read-this";
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

const source = (words: string) => ({
  defaultLocale: "en",
  contents: [{ channel: Channel.WEB, locale: "en", title: words, body: words }],
});
const notification = ({ userId, idempotencyKey }: Names) => ({
  recipients: [{ userId }],
  channels: [Channel.WEB],
  content: { title: "Mine" },
  idempotencyKey,
});

/** In the order that they are called: what reads, then what writes and might be read. */
const requests: Readonly<Record<string, (names: Names) => object>> = {
  "tracker.v1.TrackerService.GetNotification": ({ notificationId }) => ({ notificationId }),
  "tracker.v1.TrackerService.ListNotifications": ({ userId }) => ({ userId }),
  "tracker.v1.TrackerService.ListAttempts": ({ notificationId }) => ({ notificationId }),
  "tracker.v1.TrackerService.GetStats": () => {
    const today = new Date().toISOString().slice(0, 10);
    return { fromDate: today, toDate: today };
  },
  "tracker.v1.TrackerService.Explain": ({ notificationId }) => ({ notificationId }),
  "tracker.v1.TrackerService.WatchNotification": ({ notificationId }) => ({ notificationId }),
  "inbox.v1.InboxService.ListMessages": ({ userId, notificationId }) => ({ userId, afterNotificationId: notificationId }),
  "deadletters.v1.DeadLettersService.ListDeadLetters": ({ notificationId }) => ({ filter: { notificationId } }),
  "deadletters.v1.DeadLettersService.GetDeadLetter": ({ deadLetterId }) => ({ id: deadLetterId }),
  "deadletters.v1.DeadLettersService.ReplayDeadLetters": ({ deadLetterId }) => ({ ids: [deadLetterId] }),
  "deadletters.v1.DeadLettersService.DiscardDeadLetters": ({ deadLetterId }) => ({ ids: [deadLetterId] }),
  "deadletters.v1.DeadLettersService.GetReplay": ({ replayId }) => ({ id: replayId }),
  "deadletters.v1.DeadLettersService.CancelReplay": ({ replayId }) => ({ id: replayId }),
  "deadletters.v1.DeadLettersService.ListReplays": () => ({}),
  "deadletters.v1.DeadLettersService.CreateReplay": ({ notificationId, idempotencyKey }) => ({
    filter: { notificationId },
    idempotencyKey,
  }),
  "providers.v1.ProvidersService.ListIntegrations": () => ({}),
  "providers.v1.ProvidersService.GetIntegration": () => ({ id: "smtp" }),
  "providers.v1.ProvidersService.PauseIntegration": () => ({ id: "smtp", why: "Mine" }),
  "providers.v1.ProvidersService.ResumeIntegration": () => ({ id: "smtp", why: "Mine" }),
  "providers.v1.ProvidersService.SetBreaker": () => ({ id: "smtp", mode: 1, why: "Mine" }),
  "preferences.v1.PreferencesService.GetPerson": ({ userId }) => ({ userId }),
  "preferences.v1.PreferencesService.FindPeople": ({ userId }) => ({ prefix: userId }),
  "preferences.v1.PreferencesService.GetPreferences": ({ userId }) => ({ userId }),
  "preferences.v1.PreferencesService.BatchGetPreferences": ({ userId }) => ({ userIds: [userId] }),
  "preferences.v1.PreferencesService.ListSuppressions": ({ userId }) => ({ who: { userId } }),
  "preferences.v1.PreferencesService.RemoveSuppression": ({ userId }) => ({ who: { userId } }),
  "preferences.v1.PreferencesService.UpsertPerson": ({ userId }) => ({ userId, locale: "de" }),
  "preferences.v1.PreferencesService.SetCategoryPreference": ({ userId }) => ({ userId, preference: { category: "offers", muted: false } }),
  "preferences.v1.PreferencesService.SetQuietHours": ({ userId }) => ({ userId, timeZone: "Europe/Vienna" }),
  "preferences.v1.PreferencesService.AddSuppression": ({ userId }) => ({ who: { userId }, reason: SuppressionReason.MANUAL }),
  "preferences.v1.PreferencesService.ErasePerson": ({ userId }) => ({ userId }),
  "inbox.v1.InboxService.EraseInbox": ({ userId }) => ({ userId }),
  "tracker.v1.TrackerService.EraseHistory": ({ userId }) => ({ userId, acceptedByMs: 9_000_000_000_000n }),
  "templates.v1.TemplatesService.GetTemplate": ({ template }) => ({ name: template }),
  "templates.v1.TemplatesService.GetVersion": ({ template }) => ({ name: template, version: 1 }),
  "templates.v1.TemplatesService.ListTemplates": () => ({}),
  "templates.v1.TemplatesService.Validate": ({ template }) => ({ name: template, version: 1 }),
  "templates.v1.TemplatesService.Preview": ({ template }) => ({ name: template, version: 1, channel: Channel.WEB, locale: "en" }),
  "templates.v1.TemplatesService.UpdateDraft": ({ template }) => ({ name: template, source: source("Mine") }),
  "templates.v1.TemplatesService.Publish": ({ template }) => ({ name: template }),
  "templates.v1.TemplatesService.Rollback": ({ template }) => ({ name: template, version: 1 }),
  "templates.v1.TemplatesService.Archive": ({ template }) => ({ name: template }),
  "templates.v1.TemplatesService.CreateTemplate": ({ template }) => ({ name: template, source: source("Mine") }),
  "access.v1.AccessService.ListEnvironments": () => ({}),
  "access.v1.AccessService.GetEnvironment": () => ({}),
  "access.v1.AccessService.CreateEnvironment": ({ environment }) => ({ name: environment, kind: EnvironmentKind.TEST }),
  "access.v1.AccessService.ListKeys": ({ environment }) => ({ environment }),
  "access.v1.AccessService.CreateKey": ({ environment }) => ({ environment, name: "mine", scopes: [Scope.READ] }),
  "access.v1.AccessService.RotateKey": ({ keyPrefix }) => ({ prefix: keyPrefix }),
  "access.v1.AccessService.RevokeKey": ({ keyPrefix }) => ({ prefix: keyPrefix }),
  "ingest.v1.IngestService.GetAccepted": ({ notificationId }) => ({ notificationId }),
  "ingest.v1.IngestService.Cancel": ({ notificationId }) => ({ notificationId }),
  "ingest.v1.IngestService.Send": notification,
  "ingest.v1.IngestService.SendBatch": (names) => ({ notifications: [notification(names)] }),
};

/** In this order too. */
const calls: Readonly<Record<string, (names: Names) => { readonly path?: string; readonly body?: object }>> = {
  "GET /notification_service/api/notifications/:id": ({ notificationId }) => ({
    path: `/notification_service/api/notifications/${notificationId}`,
  }),
  "GET /n/:id": ({ notificationId }) => ({ path: `/n/${notificationId}` }),
  "GET /people/:id": ({ userId }) => ({ path: `/people/${userId}` }),
  "GET /people": () => ({}),
  "GET /dead-letters": () => ({}),
  "GET /providers": () => ({}),
  "GET /": () => ({}),
  "GET /session": () => ({}),
  "GET /mailbox/messages": () => ({}),
  "GET /mailbox/messages/:id/html": ({ mailId }) => ({ path: `/mailbox/messages/${mailId}/html` }),
  "DELETE /mailbox/messages": () => ({}),
  "POST /gateway/token": ({ userId }) => ({ body: { user_id: userId } }),
  "POST /notification_service/api/notifications": ({ userId }) => ({ body: { type: "WEB", userId, title: "Mine", content: "Mine" } }),
  "POST /api/v1/notifications": ({ userId }) => ({ body: { user_id: userId, event_type: "x", content: "Mine" } }),
  "POST /notify": () => ({ body: { message: "Mine" } }),
};

/** Of all modules, as they declare them, but for those that hold nobody's data. */
function declared(): string[] {
  const none = () => {
    throw new Error("nothing is called here");
  };
  const given = { client: none, log: { isPublic: false }, clock: {} } as never;
  const parts = [
    consoleRoom({ mintToken: none, gatewayAt: none, signIn: none }).build(
      { mode: "production", "smtp-sink-port": 0, "gateway.public-url": undefined },
      ...[given, none as never],
    ),
    ingestModule.build({ mode: "production", "raw-topics": [] } as never, given, {} as never),
  ];
  const routes = parts.flatMap((part) => (part as { routes: readonly Route[] }).routes);
  return routes.filter(({ scope }) => scope !== "none").map(({ method, path }) => `${method} ${path}`);
}

const contracts = readdirSync("gen/carillon", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith("_pb.ts"));
const generated = await Promise.all(contracts.map((name) => import(new URL(`../../gen/carillon/${name}`, import.meta.url).href)));
const services = generated.flatMap((made) => Object.values(made as Record<string, DescService>).filter(({ kind }) => kind === "service"));
const methods = new Map(
  services.flatMap((service) => service.methods.map((method) => [`${service.typeName}.${method.name}`, method] as const)),
);
const methodNamed = (name: string) => methods.get(`carillon.${name}`);

let world: World;
beforeAll(async () => {
  world = await startWorld({
    env: { CARILLON_MODE: "production", CARILLON_MAX_RETRY_COUNT: "0", CARILLON_BROADCAST_DESTINATIONS: "web:ann" },
  });
});
afterAll(() => world.stop());

const adminOf = async (environment: string) => {
  const { access } = clientsOf(world.url, { credential: world.credential });
  await access.createEnvironment({ name: environment, kind: EnvironmentKind.TEST });
  const { credential, key } = await access.createKey({ environment, name: MARK, scopes: [Scope.ADMIN] });
  return { credential, keyPrefix: key?.prefix as string, clients: clientsOf(world.url, { credential }) };
};

/** An environment with one of everything, and what it looks like. */
async function furnished(environment: string) {
  const { clients, keyPrefix, credential } = await adminOf(environment);
  const { preferences, templates, ingest, tracker, inbox, deadLetters, access } = clients;
  const names = { environment, keyPrefix, userId: "ann", idempotencyKey: "order-1", template: "welcome" };
  await preferences.upsertPerson({ userId: names.userId, name: MARK, email: `${MARK}@example.test` });
  await preferences.setCategoryPreference({ userId: names.userId, preference: { category: MARK, muted: true } });
  await preferences.addSuppression({ who: { userId: MARK }, reason: SuppressionReason.MANUAL });
  await templates.createTemplate({ name: names.template, source: source(MARK) });
  await templates.publish({ name: names.template });
  const { notificationId } = await ingest.send({
    recipients: [{ userId: names.userId }, { email: "retry@simulator.test" }],
    content: { title: MARK, body: MARK },
    idempotencyKey: names.idempotencyKey,
  });
  await expect.poll(async () => (await deadLetters.listDeadLetters({})).deadLetters.length).toBe(1);
  await expect.poll(async () => (await inbox.listMessages({ userId: names.userId })).messages.length).toBe(1);
  const [letter] = (await deadLetters.listDeadLetters({})).deadLetters;
  const { replay } = await deadLetters.createReplay({ filter: { queue: "dlq-web", userId: MARK } });
  const replayId = replay?.id as string;
  await expect.poll(async () => Number((await deadLetters.getReplay({ id: replayId })).replay?.endedAtMs)).toBeGreaterThan(0);
  const mails = async () => (await getJson(`${world.url}/mailbox/messages`, { authorization: `Bearer ${credential}` })).body.messages;
  await expect.poll(async () => (await mails()).length).toBe(1);
  const [mail] = await mails();
  const look = async () => ({
    person: await preferences.getPerson({ userId: names.userId }),
    preferences: await preferences.getPreferences({ userId: names.userId }),
    suppressions: await preferences.listSuppressions({}),
    template: await templates.getTemplate({ name: names.template }),
    notifications: await tracker.listNotifications({}),
    letters: await deadLetters.listDeadLetters({}),
    replays: await deadLetters.listReplays({}),
    keys: await access.listKeys({}),
    mails: await mails(),
  });
  return {
    names: { ...names, notificationId, deadLetterId: letter?.id as string, replayId, mailId: mail.id as string } satisfies Names,
    look,
  };
}

const made: Names = {
  ...{ environment: "unheard-of", keyPrefix: "ck_test_0123456789abcdef", userId: "nora", idempotencyKey: "order-2", template: "unwritten" },
  ...{ notificationId: "01a1fd71-8461-72ae-95cc-ac4d6a7a9642", deadLetterId: "01a1fd71-8461-72ae-95cc-ac4d6a7a9643" },
  ...{ mailId: "01a1fd71-8461-72ae-95cc-ac4d6a7a9644", replayId: "01a1fd71-8461-72ae-95cc-ac4d6a7a9645" },
};

/** Every answer in turn, with what was asked about and whatever differs from call to call masked. */
async function walk(own: { environment: string; credential: string }, names: Names): Promise<Map<string, string>> {
  const transport = transportOf(world.url, own);
  const answers = new Map<string, string>();
  for (const [name, request] of Object.entries(requests)) {
    const method = methodNamed(name);
    if (!method) throw new Error(`there is no method ${name}`);
    const client = createClient(method.parent, transport) as unknown as Record<string, (asked: object) => unknown>;
    const said = await told(client[method.localName]?.(request(names)));
    answers.set(name, masked(said, { ...names, own: own.environment }));
  }
  return answers;
}

/** The same over REST. */
async function walkRoutes(own: { environment: string; credential: string }, names: Names): Promise<Map<string, string>> {
  const headers = { authorization: `Bearer ${own.credential}`, "content-type": "application/json" };
  const answers = new Map<string, string>();
  for (const [name, call] of Object.entries(calls)) {
    const [method = "", pattern = ""] = name.split(" ");
    const { path = pattern, body } = call(names);
    const answer = await fetch(world.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const said = `${answer.status} ${await answer.text()}`;
    answers.set(name, masked(said, { ...names, own: own.environment }));
  }
  return answers;
}

async function told(answer: unknown): Promise<string> {
  const asText = (value: unknown) =>
    JSON.stringify(value, (_key, each) => (typeof each === "bigint" ? Number(each) : each instanceof Uint8Array ? [...each].join() : each));
  try {
    if (!(Symbol.asyncIterator in Object(answer))) return asText(await answer);
    const all: unknown[] = [];
    for await (const each of answer as AsyncIterable<unknown>) all.push(each);
    return asText(all);
  } catch (error) {
    const { code, rawMessage, details } = ConnectError.from(error);
    return asText({ code, rawMessage, details });
  }
}

function masked(text: string, names: Readonly<Record<string, string>>): string {
  let left = text;
  // Also within a sentence, whose own quotes are escaped.
  for (const [name, value] of Object.entries(names))
    left = left.replaceAll(`"${value}"`, `"<${name}>"`).replaceAll(`\\"${value}\\"`, `\\"<${name}>\\"`);
  return left
    .replaceAll(UUID, "<uuid>")
    .replaceAll(/"(createdAtMs|updatedAtMs|erasedAtMs|lastUsedAtMs|createdAt|updatedAt|seconds|nanos)":\d+/g, '"$1":0')
    .replaceAll(/"token":"[^"]+"/g, '"token":"<token>"')
    .replaceAll(/ck_test_[0-9a-f]{16}(\.[\w-]{43})?/g, "<key>");
}

it("is walked whole: every method of every service is here", () => {
  expect(
    Object.keys(requests)
      .map((name) => `carillon.${name}`)
      .sort(),
  ).toEqual([...methods.keys()].sort());
});

it("is walked whole: every route that holds anybody's data is here", () => {
  expect(Object.keys(calls).sort()).toEqual(declared().sort());
  const modules = readdirSync("services", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith("module.ts"));
  const withRoutes = modules.filter((name) => readFileSync(`services/${name}`, "utf8").includes("routes:"));
  expect(withRoutes.sort()).toEqual(["console/module.ts", "ingest/module.ts"]);
});

it("no route tells a foreign key that anything is there, lets it be read, or changes it", async () => {
  const there = await furnished("zeta");
  const before = await there.look();
  const [eta, theta] = [await adminOf("eta"), await adminOf("theta")];
  const ofTheirs = await walkRoutes({ environment: "eta", ...eta }, there.names);
  const ofNothing = await walkRoutes({ environment: "theta", ...theta }, made);
  for (const [name, answer] of ofTheirs) {
    expect([name, answer]).toEqual([name, ofNothing.get(name)]);
    expect(answer).not.toContain(MARK);
  }
  expect(await there.look()).toEqual(before);
});

it("the metrics, which are of the process, name nothing of any environment", async () => {
  const there = await furnished("iota");
  const { credential } = await adminOf("kappa");
  const metrics = await (await fetch(`${world.url}/metrics`, { headers: { authorization: `Bearer ${credential}` } })).text();
  expect(metrics).toContain("carillon_ready 1");
  for (const [name, value] of Object.entries({ ...there.names, mark: MARK })) expect(metrics, name).not.toContain(`"${value}"`);
});

it("no method tells a foreign key that anything is there, lets it be read, or changes it", async () => {
  const there = await furnished("alpha");
  const before = await there.look();
  const [beta, gamma] = [await adminOf("beta"), await adminOf("gamma")];
  const ofTheirs = await walk({ environment: "beta", ...beta }, there.names);
  const ofNothing = await walk({ environment: "gamma", ...gamma }, made);
  for (const [name, answer] of ofTheirs) {
    expect([name, answer]).toEqual([name, ofNothing.get(name)]);
    expect(answer).not.toContain(MARK);
  }
  expect(await there.look()).toEqual(before);
});

it("pages of one environment do not go on in another", async () => {
  const { clients } = await adminOf("delta");
  const send = (title: string) => clients.ingest.send({ recipients: [{ userId: "ann" }], channels: [Channel.WEB], content: { title } });
  for (const title of ["One", "Two"]) await send(title);
  await expect.poll(async () => (await clients.tracker.listNotifications({})).notifications.length).toBe(2);
  const { nextPageToken } = await clients.tracker.listNotifications({ pageSize: 1 });
  expect(nextPageToken).not.toBe("");
  const other = await adminOf("epsilon");
  expect((await other.clients.tracker.listNotifications({ pageToken: nextPageToken })).notifications).toEqual([]);
});
