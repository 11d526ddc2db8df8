import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import pino from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Problem } from "#domain/errors.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import {
  PreferencesService,
  type SetQuietHoursRequest,
  type SetQuietHoursRequestSchema,
} from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { noErasing } from "../../test/fakes/erasing.ts";
import { sqliteCategoryStore } from "./categories.sqlite.ts";
import { preferencesService } from "./service.ts";
import { sqlitePreferenceStore } from "./store.sqlite.ts";
import { sqliteSuppressionStore } from "./suppressions.sqlite.ts";

let folder: string;
let database: Database;
let nowMs: number;
let clients: Clients;
let people: Client<typeof PreferencesService>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-preferences-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  const store = await sqlitePreferenceStore(database);
  const suppressions = await sqliteSuppressionStore(database);
  const categories = await sqliteCategoryStore(database);
  nowMs = 1_000;
  const clock: Clock = { nowMs: () => nowMs, sleep: async () => {} };
  const routes = (router: ConnectRouter) =>
    router.service(
      PreferencesService,
      preferencesService({ people: store, categories, suppressions, erase: noErasing, ledger: memoryLedger({ clock }), clock }),
    );
  clients = createClients({ rpc: () => [routes], clock, logger: pino({ level: "silent" }), metrics: new Registry() });
  people = clients(PreferencesService, "development");
});

afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

const problemOf = async (call: Promise<unknown>): Promise<Problem> => call.then(() => expect.fail("was answered"), problemFrom);
const fieldsOf = async (call: Promise<unknown>) => (await problemOf(call)).violations.map(({ field }) => field);

it("creates a person and changes them, and leaves alone what is left out", async () => {
  await people.upsertPerson({ userId: "ann", name: "Ann", email: "ann@example.test" });
  nowMs = 2_000;
  const { person } = await people.upsertPerson({ userId: "ann", locale: "de-AT" });
  expect(person).toMatchObject({
    userId: "ann",
    name: "Ann",
    email: "ann@example.test",
    locale: "de-AT",
    createdAtMs: 1_000n,
    updatedAtMs: 2_000n,
  });
  expect(await people.getPerson({ userId: "ann" })).toMatchObject({ person });
});

it("keeps an email address in its normal form, and removes it when told so", async () => {
  const { person } = await people.upsertPerson({ userId: "ann", email: "Ann@EXAMPLE.Test" });
  expect(person?.email).toBe("Ann@example.test");
  expect((await people.upsertPerson({ userId: "ann", email: "" })).person?.email).toBe("");
});

it.each(["nobody", "a@b@c.test", "ann@example.test\r\nBcc: x@y.test", "ann@-bad-.test"])(
  "refuses %j as an email address",
  async (email) => {
    expect(new Set(await fieldsOf(people.upsertPerson({ userId: "ann", email })))).toEqual(new Set(["email"]));
    expect((await problemOf(people.getPerson({ userId: "ann" }))).reason).toBe("NOT_FOUND");
  },
);

it("keeps a locale as BCP 47 writes it, removes it when told so, and refuses what is none", async () => {
  expect((await people.upsertPerson({ userId: "ann", locale: "de_at" })).person?.locale).toBe("de-AT");
  for (const locale of ["German!", "xx_YY_zz", " "]) {
    const problem = await problemOf(people.upsertPerson({ userId: "ann", locale }));
    expect(problem.violations).toEqual([{ field: "locale", description: "must be a BCP 47 tag like pt-BR" }]);
  }
  expect((await people.getPerson({ userId: "ann" })).person?.locale).toBe("de-AT");
  expect((await people.upsertPerson({ userId: "ann", locale: "" })).person?.locale).toBe("");
});

describe("the settings of a category", () => {
  const codes = { name: "codes", atMostOnce: true };

  it("are set, listed, and answered to who asks for the category; the defaults are none", async () => {
    expect((await people.setCategory({ category: codes })).category).toMatchObject(codes);
    await people.setCategory({ category: { name: "alerts", atMostOnce: true } });
    expect((await people.listCategories({})).categories.map(({ name }) => name)).toEqual(["alerts", "codes"]);
    expect((await people.batchGetPreferences({ categories: ["codes", "news"] })).categories).toMatchObject([codes]);
    await people.setCategory({ category: { name: "codes" } });
    expect((await people.batchGetPreferences({ categories: ["codes", "news"] })).categories).toEqual([]);
    expect((await clients(PreferencesService, "staging").listCategories({})).categories).toEqual([]);
  });

  it("are of 500 categories at most", async () => {
    for (let at = 0; at < 500; at++) await people.setCategory({ category: { name: `c-${at}`, atMostOnce: true } });
    expect(await fieldsOf(people.setCategory({ category: codes }))).toEqual(["category.name"]);
    await people.setCategory({ category: { name: "c-0" } });
    await people.setCategory({ category: codes });
    expect((await people.listCategories({})).categories).toHaveLength(500);
  });

  it.each(["", "*", "a b", "-a", "a".repeat(65)])("are refused for %j, which no notification can name", async (name) => {
    expect(await fieldsOf(people.setCategory({ category: { name, atMostOnce: true } }))).toEqual(["category.name"]);
  });

  it("are refused where there are none", async () => {
    expect(await fieldsOf(people.setCategory({}))).toEqual(["category"]);
  });
});

it("says not found of a person of another environment", async () => {
  await people.upsertPerson({ userId: "ann" });
  const elsewhere = clients(PreferencesService, "production");
  const { reason, message } = await problemOf(elsewhere.getPerson({ userId: "ann" }));
  expect([reason, message]).toEqual(["NOT_FOUND", "There is no such person in this environment."]);
});

it("mutes a category for a person it did not know, and answers every choice, ordered", async () => {
  await people.setCategoryPreference({ userId: "ann", preference: { category: "post", muted: true } });
  const { categories } = await people.setCategoryPreference({ userId: "ann", preference: { category: "*", channels: [Channel.WEB] } });
  expect(categories).toMatchObject([
    { category: "*", muted: false, channels: [Channel.WEB] },
    { category: "post", muted: true, channels: [] },
  ]);
  expect((await people.getPreferences({ userId: "ann" })).categories).toEqual(categories);
  expect((await people.getPerson({ userId: "ann" })).person?.userId).toBe("ann");
});

it("answers the defaults for a person it does not know, and does not create them for it", async () => {
  expect((await people.getPreferences({ userId: "who" })).categories).toEqual([]);
  expect((await problemOf(people.getPerson({ userId: "who" }))).reason).toBe("NOT_FOUND");
});

it("keeps at most 500 categories a person, and names the field that was one too many", async () => {
  const choose = (category: string) => people.setCategoryPreference({ userId: "ann", preference: { category, muted: true } });
  await Promise.all(Array.from({ length: 500 }, (_, n) => choose(`category-${n}`)));
  expect(await fieldsOf(choose("one-more"))).toEqual(["preference.category"]);
  expect((await choose("category-7")).categories).toHaveLength(500);
});

it("names the field of a choice that is missing or malformed", async () => {
  expect(await fieldsOf(people.setCategoryPreference({ userId: "ann" }))).toEqual(["preference"]);
  expect(await fieldsOf(people.setCategoryPreference({ userId: "ann", preference: { category: "no spaces" } }))).toEqual([
    "preference.category",
  ]);
});

it("answers a thousand people in the order asked for, and creates those it does not know", async () => {
  await people.upsertPerson({ userId: "user-500", email: "five@hundred.test" });
  await people.setCategoryPreference({ userId: "user-500", preference: { category: "post", muted: true } });
  const userIds = Array.from({ length: 1_000 }, (_, n) => `user-${n}`);
  const answer = await people.batchGetPreferences({ userIds });
  expect(answer.people.map(({ person }) => person?.userId)).toEqual(userIds);
  expect(answer.people[500]).toMatchObject({ person: { email: "five@hundred.test" }, categories: [{ category: "post", muted: true }] });
  expect((await people.getPerson({ userId: "user-7" })).person).toMatchObject({ email: "", createdAtMs: 1_000n });
});

it("creates a person once when two batches ask for them at the same time", async () => {
  const [one, other] = await Promise.all([
    people.batchGetPreferences({ userIds: ["new"] }),
    people.batchGetPreferences({ userIds: ["new"] }),
  ]);
  expect(one).toEqual(other);
});

type Init = Exclude<MessageInitShape<typeof SetQuietHoursRequestSchema>, SetQuietHoursRequest>;

const night = { start: "22:00", end: "07:00" };

it("sets quiet hours with the person's zone, answers them everywhere, and removes them", async () => {
  const set = await people.setQuietHours({ userId: "ann", quietHours: { ...night, days: [7, 5] }, timeZone: "Europe/Vienna" });
  expect(set).toMatchObject({ quietHours: { ...night, days: [5, 7] }, timeZone: "Europe/Vienna" });
  expect(await people.getPreferences({ userId: "ann" })).toMatchObject({
    quietHours: { ...night, days: [5, 7] },
    timeZone: "Europe/Vienna",
  });
  const { people: batch } = await people.batchGetPreferences({ userIds: ["ann", "bo"] });
  expect(batch).toMatchObject([{ person: { timeZone: "Europe/Vienna" }, quietHours: night }, { person: { timeZone: "" } }]);
  expect(batch[1]?.quietHours).toBeUndefined();
  const removed = await people.setQuietHours({ userId: "ann" });
  expect(removed).toMatchObject({ timeZone: "Europe/Vienna" });
  expect(removed.quietHours).toBeUndefined();
});

it("counts quiet hours in the zone that is known of the person, and asks for one where none is", async () => {
  expect(await fieldsOf(people.setQuietHours({ userId: "ann", quietHours: night }))).toEqual(["time_zone"]);
  expect((await people.upsertPerson({ userId: "ann", timeZone: "Asia/Tokyo" })).person?.timeZone).toBe("Asia/Tokyo");
  expect((await people.setQuietHours({ userId: "ann", quietHours: night })).timeZone).toBe("Asia/Tokyo");
});

it.each([
  [{ quietHours: { ...night, start: "24:00" } }, "quiet_hours.start"],
  [{ quietHours: { ...night, start: "9:00" } }, "quiet_hours.start"],
  [{ quietHours: { ...night, end: "07:60" } }, "quiet_hours.end"],
  [{ quietHours: { ...night, end: "22:00" } }, "quiet_hours.end"],
  [{ quietHours: { start: "00:00", end: "24:00" } }, "quiet_hours.end"],
  [{ quietHours: { ...night, days: [0] } }, "quiet_hours.days[0]"],
  [{ quietHours: { ...night, days: [1, 1] } }, "quiet_hours.days"],
  [{ timeZone: "Europe/Wien" }, "time_zone"],
  [{ timeZone: "+02:00" }, "time_zone"],
] satisfies [Init, string][])("refuses quiet hours like %j, naming %s", async (wrong, field) => {
  await people.upsertPerson({ userId: "ann", timeZone: "UTC" });
  expect(await fieldsOf(people.setQuietHours({ userId: "ann", ...wrong }))).toEqual([field]);
  expect((await people.getPreferences({ userId: "ann" })).quietHours).toBeUndefined();
});

it("changes a time zone and does not remove it", async () => {
  await people.upsertPerson({ userId: "ann", timeZone: "UTC" });
  expect(await fieldsOf(people.upsertPerson({ userId: "ann", timeZone: "" }))).toEqual(["time_zone"]);
  expect(await fieldsOf(people.upsertPerson({ userId: "ann", timeZone: "Nowhere" }))).toEqual(["time_zone"]);
  expect((await people.upsertPerson({ userId: "ann", name: "Ann" })).person?.timeZone).toBe("UTC");
});

it("keeps a mute until a time, and refuses a time that no calendar holds", async () => {
  const mute = (mutedUntilMs: bigint) => people.setCategoryPreference({ userId: "ann", preference: { category: "*", mutedUntilMs } });
  expect((await mute(1_800_000_000_000n)).categories).toMatchObject([{ category: "*", muted: false, mutedUntilMs: 1_800_000_000_000n }]);
  expect(await fieldsOf(mute(-1n))).toEqual(["preference.muted_until_ms"]);
  expect(await fieldsOf(mute(8_640_000_000_000_001n))).toEqual(["preference.muted_until_ms"]);
});
