import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import pino from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Problem } from "#domain/errors.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { PreferencesService, SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { attemptOf } from "#platform/ledger/ledger.fixture.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { reachOf } from "#platform/ledger/reach.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { noErasing } from "../../test/fakes/erasing.ts";
import { sqliteCategoryStore } from "./categories.sqlite.ts";
import { preferencesService } from "./service.ts";
import { sqlitePreferenceStore } from "./store.sqlite.ts";
import { sqliteSuppressionStore } from "./suppressions.sqlite.ts";

const { BOUNCE, COMPLAINT, MANUAL, UNSUBSCRIBE } = SuppressionReason;
const EMAIL = Channel.EMAIL;
const ann = { userId: "ann" };
const address = (text: string) => ({ channel: EMAIL, address: text });

let folder: string;
let database: Database;
let clock: ReturnType<typeof fakeClock>;
let ledger: Ledger;
let clients: Clients;
let people: Client<typeof PreferencesService>;
/** Thrown by the ledger as long as it is set. */
let trouble: Problem | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-suppressing-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  clock = fakeClock();
  ledger = memoryLedger({ clock });
  trouble = undefined;
  const needs = {
    ...{ people: await sqlitePreferenceStore(database), categories: await sqliteCategoryStore(database) },
    ...{ suppressions: await sqliteSuppressionStore(database), erase: noErasing, clock },
    ledger: { suppress: async (said: Parameters<Ledger["suppress"]>[0]) => (trouble ? Promise.reject(trouble) : ledger.suppress(said)) },
  };
  const routes = (router: ConnectRouter) => router.service(PreferencesService, preferencesService(needs));
  clients = createClients({ rpc: () => [routes], clock, logger: pino({ level: "silent" }), metrics: new Registry() });
  people = clients(PreferencesService, "development");
});

afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

let round = 0;
/** What the ledger answers to a new send. */
async function asked(to: { userId?: string; target?: string }, environment = "development") {
  const reaches = reachOf({ userId: "", channel: EMAIL, target: "", ...to });
  return (await ledger.intend([attemptOf({ environment, deliveryId: `d-${round++}`, reaches })]))[0]?.is;
}
const fieldsOf = async (call: Promise<unknown>) =>
  call.then(
    () => [],
    (error) => problemFrom(error).violations.map(({ field }) => field),
  );
const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => "answered",
    (error) => problemFrom(error).reason,
  );
const listed = async (more: Parameters<typeof people.listSuppressions>[0] = {}) =>
  (await people.listSuppressions(more)).suppressions.map(({ who, reason }) => [who?.userId || who?.address, reason]);

it("once it has answered no send to the address starts, whoever's it is and however it is written", async () => {
  const { suppression } = await people.addSuppression({ who: address(" Bob@Example.TEST"), reason: BOUNCE });
  expect(suppression).toMatchObject({ who: address("Bob@example.test"), reason: BOUNCE, createdAtMs: BigInt(clock.nowMs()) });
  expect(await asked({ target: "bob@example.test" })).toBe("suppressed");
  expect(await asked({ target: "BOB@example.test", userId: "cy" })).toBe("suppressed");
  expect(await asked({ target: "bob@elsewhere.test" })).toBe("send");
  expect(await asked({ target: "bob@example.test" }, "staging")).toBe("send");
});

it("once it has answered no send to the person starts, whatever channel and address", async () => {
  await people.addSuppression({ who: ann, reason: COMPLAINT });
  expect(await asked({ userId: "ann", target: "one@example.test" })).toBe("suppressed");
  expect(await asked({ userId: "ann" })).toBe("suppressed");
  expect(await asked({ userId: "Ann" })).toBe("send");
});

it("an entry that is there stays with its reason and its time", async () => {
  const first = await people.addSuppression({ who: ann, reason: BOUNCE });
  await clock.advance(5_000);
  expect(await people.addSuppression({ who: ann, reason: MANUAL })).toEqual(first);
});

it("who is taken off is sent to again, also when a repeat of an earlier call comes late", async () => {
  await people.addSuppression({ who: ann, reason: MANUAL });
  const atMs = clock.nowMs();
  await clock.advance(5_000);
  expect(await people.removeSuppression({ who: ann })).toMatchObject({ removed: true });
  expect(await people.removeSuppression({ who: ann })).toMatchObject({ removed: false });
  expect(await asked({ userId: "ann" })).toBe("send");
  const [whom = ""] = reachOf({ userId: "ann", channel: EMAIL, target: "" });
  await ledger.suppress({ environment: "development", whom, suppressed: true, atMs });
  expect(await asked({ userId: "ann" })).toBe("send");
  await people.addSuppression({ who: ann, reason: UNSUBSCRIBE });
  expect(await asked({ userId: "ann" })).toBe("suppressed");
  expect(await people.removeSuppression({ who: { userId: "nobody" } })).toMatchObject({ removed: false });
});

it("is not acknowledged before the ledger knows, and a repeat tells it, whether the list had it already or not", async () => {
  trouble = new Problem("STORE_UNAVAILABLE");
  expect(await reasonOf(people.addSuppression({ who: ann, reason: MANUAL }))).toBe("STORE_UNAVAILABLE");
  expect(await asked({ userId: "ann" })).toBe("send");
  trouble = undefined;
  await people.addSuppression({ who: ann, reason: MANUAL });
  expect(await asked({ userId: "ann" })).toBe("suppressed");
  trouble = new Problem("STORE_UNAVAILABLE");
  expect(await reasonOf(people.removeSuppression({ who: ann }))).toBe("STORE_UNAVAILABLE");
  expect(await asked({ userId: "ann" })).toBe("suppressed");
  trouble = undefined;
  expect(await people.removeSuppression({ who: ann })).toMatchObject({ removed: false });
  expect(await asked({ userId: "ann" })).toBe("send");
});

it("however adding and removing race, the ledger ends as the list does", async () => {
  for (let turn = 0; turn < 20; turn++) {
    const who = { userId: `racer-${turn}` };
    const calls = [0, 1, 2].flatMap(() => [() => people.addSuppression({ who, reason: MANUAL }), () => people.removeSuppression({ who })]);
    await Promise.all((turn % 2 ? calls : calls.reverse()).map((call) => call()));
    const isListed = (await listed({ who })).length > 0;
    expect(await asked(who)).toBe(isListed ? "suppressed" : "send");
  }
});

it("is listed newest first, page by page, by reason, or one alone; each environment by itself", async () => {
  const who = [ann, address("bob@example.test"), { userId: "cy" }];
  for (const [at, each] of who.entries()) {
    await people.addSuppression({ who: each, reason: at === 1 ? COMPLAINT : BOUNCE });
    await clock.advance(1_000);
  }
  const all = [
    ["cy", BOUNCE],
    ["bob@example.test", COMPLAINT],
    ["ann", BOUNCE],
  ];
  expect(await listed()).toEqual(all);
  expect(await listed({ reason: COMPLAINT })).toEqual([all[1]]);
  expect(await listed({ who: address("BOB@example.test") })).toEqual([all[1]]);
  expect(await listed({ who: address("BOB@example.test"), reason: BOUNCE })).toEqual([]);
  const first = await people.listSuppressions({ pageSize: 2 });
  expect(first.suppressions).toHaveLength(2);
  expect(await listed({ pageSize: 2, pageToken: first.nextPageToken })).toEqual([all[2]]);
  expect((await people.listSuppressions({ pageSize: 3 })).nextPageToken).toBe("");
  expect((await clients(PreferencesService, "staging").listSuppressions({})).suppressions).toEqual([]);
  expect(await fieldsOf(people.listSuppressions({ pageToken: "what" }))).toEqual(["page_token"]);
});

it.each([
  [{}, ["who"]],
  [{ userId: "ann", ...address("ann@example.test") }, ["who"]],
  [{ channel: EMAIL }, ["who"]],
  [{ address: "ann@example.test" }, ["who"]],
  [address("ann"), ["who.address"]],
  [{ channel: Channel.WEB, address: "ann@example.test" }, ["who.address"]],
  [{ userId: "a".repeat(129) }, ["who.user_id"]],
])("refuses %j, naming the field", async (who, fields) => {
  expect(await fieldsOf(people.addSuppression({ who, reason: MANUAL }))).toEqual(fields);
});

it("refuses to add without a reason, and names nobody in its errors", async () => {
  expect(await fieldsOf(people.addSuppression({ who: ann }))).toEqual(["reason"]);
  const error = await people.addSuppression({ who: address("not an address"), reason: MANUAL }).catch((error) => error);
  expect(String(error)).not.toContain("not an address");
});

it("the dispatcher is told of the people, of their addresses, and of the addresses it asks about", async () => {
  await people.upsertPerson({ userId: "ann", email: "Ann@example.test" });
  for (const who of [{ userId: "bo" }, address("ann@example.test"), address("once@example.test"), address("else@example.test")])
    await people.addSuppression({ who, reason: BOUNCE });
  const { suppressions } = await people.batchGetPreferences({ userIds: ["ann", "bo", "cy"], addresses: [address("once@example.test")] });
  expect(suppressions.map(({ who }) => who?.userId || who?.address).sort()).toEqual(["ann@example.test", "bo", "once@example.test"]);
});
