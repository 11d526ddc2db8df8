import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectRouter } from "@connectrpc/connect";
import pino from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { InboxService } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import { PreferencesService, SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { attemptOf } from "#platform/ledger/ledger.fixture.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { personReached } from "#platform/ledger/reach.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { sqliteCategoryStore } from "./categories.sqlite.ts";
import { erasing } from "./erasing.ts";
import { preferencesService } from "./service.ts";
import { sqlitePreferenceStore } from "./store.sqlite.ts";
import { sqliteSuppressionStore } from "./suppressions.sqlite.ts";

let folder: string;
let database: Database;
let clock: ReturnType<typeof fakeClock>;
let ledger: Ledger;
/** What inbox and tracker were asked for, in order. */
let asked: string[];
/** Thrown by them, and by the ledger, as long as they are set. */
let trouble: { inbox?: Problem; tracker?: Problem; ledger?: Problem };
let historyPages: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-erasing-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  clock = fakeClock();
  ledger = memoryLedger({ clock });
  [asked, trouble, historyPages] = [[], {}, 1];
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

/** A process with the preferences: as many as there are share the database and the ledger. */
async function opened() {
  const logger = pino({ level: "silent" });
  const stores = {
    people: await sqlitePreferenceStore(database),
    categories: await sqliteCategoryStore(database),
    suppressions: await sqliteSuppressionStore(database),
  };
  const guarded: Ledger = { ...ledger, erase: async (said) => (trouble.ledger ? Promise.reject(trouble.ledger) : ledger.erase(said)) };
  const routes = (router: ConnectRouter) => {
    router.service(InboxService, {
      eraseInbox({ userId }, context) {
        if (trouble.inbox) throw trouble.inbox;
        asked.push(`inbox of ${principalOf(context).environment}/${userId}`);
        return {};
      },
    });
    router.service(TrackerService, {
      eraseHistory({ userId, acceptedByMs }) {
        if (trouble.tracker) throw trouble.tracker;
        asked.push(`history of ${userId} by ${Number(acceptedByMs) - clock.nowMs()}`);
        return { more: --historyPages > 0 };
      },
    });
    router.service(PreferencesService, preferencesService({ ...stores, erase: its.erase, ledger: guarded, clock }));
  };
  const client = createClients({ rpc: () => [routes], clock, logger, metrics: new Registry() });
  const its = erasing({ ...stores, ledger: guarded, clock, client, logger });
  return { people: client(PreferencesService, "development"), task: its.task };
}

let round = 0;
const intent = async (acceptedAtMs: number) =>
  (await ledger.intend([attemptOf({ deliveryId: `d-${round++}`, reaches: [personReached("ann")], acceptedAtMs })]))[0]?.is;

it("deletes the person, their choices, their entry on the suppression list, their history page by page, and their inbox", async () => {
  const { people } = await opened();
  await people.upsertPerson({ userId: "ann", email: "ann@example.test" });
  await people.setCategoryPreference({ userId: "ann", preference: { category: "offers", muted: true } });
  await people.addSuppression({ who: { userId: "ann" }, reason: SuppressionReason.MANUAL });
  await people.addSuppression({ who: { channel: Channel.EMAIL, address: "ann@example.test" }, reason: SuppressionReason.COMPLAINT });
  historyPages = 3;
  const answer = await people.erasePerson({ userId: "ann" });
  expect(answer).toMatchObject({ erasedAtMs: BigInt(clock.nowMs()), done: true });
  expect((await people.findPeople({ prefix: "ann" })).people).toEqual([]);
  expect((await people.getPreferences({ userId: "ann" })).categories).toEqual([]);
  const { suppressions } = await people.listSuppressions({});
  expect(suppressions.map(({ who }) => who?.address)).toEqual(["ann@example.test"]);
  expect(asked).toEqual([...Array(3).fill("history of ann by 0"), "inbox of development/ann"]);
});

it("once it has answered nothing that was accepted before is sent, and to a person made anew what comes later is", async () => {
  const { people } = await opened();
  const { erasedAtMs } = await people.erasePerson({ userId: "ann" });
  await people.upsertPerson({ userId: "ann", email: "new@example.test" });
  expect(await intent(Number(erasedAtMs))).toBe("erased");
  expect(await intent(Number(erasedAtMs) + 1)).toBe("send");
});

it("can be asked for again and again, also for who was never there", async () => {
  const { people } = await opened();
  const first = await people.erasePerson({ userId: "nobody" });
  await clock.advance(1_000);
  const again = await people.erasePerson({ userId: "nobody" });
  expect([first.done, again.done]).toEqual([true, true]);
  expect(again.erasedAtMs).toBeGreaterThan(first.erasedAtMs);
});

it("holds, and is finished later by itself, when inbox or history cannot be reached", async () => {
  const { people, task } = await opened();
  trouble.inbox = new Problem("STORE_UNAVAILABLE");
  const { done, erasedAtMs } = await people.erasePerson({ userId: "ann" });
  expect(done).toBe(false);
  expect(await intent(Number(erasedAtMs))).toBe("erased");
  const ending = new AbortController();
  const running = task.run(ending.signal);
  await clock.advance(61_000);
  trouble = {};
  await vi.waitFor(async () => {
    await clock.advance(30_000);
    expect(asked).toContain("inbox of development/ann");
  });
  const times = asked.length;
  await clock.advance(120_000);
  ending.abort();
  await clock.advance(30_000);
  await running;
  expect(asked).toHaveLength(times);
});

it("leaves alone who was suppressed after it was acknowledged, however late it is finished", async () => {
  const { people, task } = await opened();
  const who = { userId: "ann" };
  await people.addSuppression({ who, reason: SuppressionReason.MANUAL });
  trouble.tracker = new Problem("STORE_UNAVAILABLE");
  await clock.advance(1_000);
  expect(await people.erasePerson(who)).toMatchObject({ done: false });
  expect((await people.listSuppressions({})).suppressions).toEqual([]);
  await clock.advance(1_000);
  await people.addSuppression({ who, reason: SuppressionReason.COMPLAINT });
  trouble = {};
  const ending = new AbortController();
  const running = task.run(ending.signal);
  await vi.waitFor(async () => {
    await clock.advance(31_000);
    expect(asked).toContain("inbox of development/ann");
  });
  expect((await people.listSuppressions({})).suppressions).toMatchObject([{ reason: SuppressionReason.COMPLAINT }]);
  expect(await intent(clock.nowMs())).toBe("suppressed");
  ending.abort();
  await clock.advance(30_000);
  await running;
});

it("is not acknowledged before the ledger knows; a process that ended in the middle leaves the rest to another one", async () => {
  const one = await opened();
  await one.people.upsertPerson({ userId: "ann", name: "Ann" });
  trouble.ledger = new Problem("STORE_UNAVAILABLE");
  const error = await one.people.erasePerson({ userId: "ann" }).catch(problemFrom);
  expect(error).toMatchObject({ reason: "STORE_UNAVAILABLE" });
  expect(asked).toEqual([]);
  const acceptedAtMs = clock.nowMs();
  expect(await intent(acceptedAtMs)).toBe("send");
  trouble = {};
  const other = await opened();
  const ending = new AbortController();
  const running = other.task.run(ending.signal);
  await vi.waitFor(async () => {
    await clock.advance(31_000);
    expect(asked).toContain("inbox of development/ann");
  });
  expect(await intent(acceptedAtMs)).toBe("erased");
  ending.abort();
  await clock.advance(30_000);
  await running;
});
