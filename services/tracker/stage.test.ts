import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it } from "vitest";
import { deliveryEvents } from "#domain/topics.ts";
import { type DeliveryEvent, DeliveryEventSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import type { Batch, Received } from "#platform/stage/stage.ts";
import { readHistory } from "./history.ts";
import { notificationOf } from "./notification.ts";
import { trackerStage } from "./stage.ts";
import { sqliteHistoryStore } from "./store.sqlite.ts";
import type { HistoryStore } from "./store.ts";
import * as story from "./story.fixture.ts";

let folder: string;
let database: Database;
let store: HistoryStore;
let ledger: Ledger;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-tracker-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  store = await sqliteHistoryStore(database);
  ledger = memoryLedger({ clock: systemClock });
});

afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

/** Hands one batch to the stage and answers what became of each record. */
async function handle(events: readonly DeliveryEvent[]): Promise<string[]> {
  const records = events.map((value, offset): Received<DeliveryEvent> => {
    const bytes = toBinary(DeliveryEventSchema, value);
    return { value, record: { topic: deliveryEvents, partition: 0, offset, timeMs: 0, key: "", value: bytes, headers: {} } };
  });
  const outcomes: string[] = records.map(() => "unsettled");
  const batch: Batch<DeliveryEvent> = {
    records,
    signal: new AbortController().signal,
    done({ record }) {
      outcomes[record.offset] = "done";
    },
    bury({ record }, reason) {
      outcomes[record.offset] = reason;
    },
    waiting: () => {},
  };
  await trackerStage(store, memoryFanout(), ledger).handle(batch);
  return outcomes;
}

const stored = async () => {
  const [events = []] = await store.eventsOf("development", [story.NOTIFICATION]);
  return notificationOf(readHistory(story.NOTIFICATION, events));
};

it("keeps every event, once, however the batches fall", async () => {
  const events = story.likedStory();
  expect(await handle(events.slice(3))).toEqual(events.slice(3).map(() => "done"));
  await handle([...events, ...events]);
  const once = await stored();
  expect(once.deliveries).toHaveLength(4);
  await handle(events.toReversed());
  expect(await stored()).toEqual(once);
});

it("lists the notification under each of its people from the time that it was accepted", async () => {
  await handle(story.likedStory());
  for (const userId of ["ann", "bo"]) {
    const after = { acceptedAtMs: 1_001, notificationId: "" };
    const places = await store.list({ environment: "development", userId, fromMs: 1_000, after, limit: 10 });
    expect(places).toEqual([{ acceptedAtMs: 1_000, notificationId: story.NOTIFICATION }]);
  }
});

it("buries an event that says of nothing, or whose request cannot be read, and keeps its neighbours", async () => {
  const [asked, ...others] = story.likedStory() as [DeliveryEvent, ...DeliveryEvent[]];
  const nothing = { ...(others[0] as DeliveryEvent), notificationId: "" };
  const garbled = { ...asked, requested: Uint8Array.of(0x0a, 0xff) };
  expect(await handle([nothing, garbled, ...others])).toEqual(["invalid", "undecodable", ...others.map(() => "done")]);
  expect((await stored()).deliveries).toHaveLength(4);
});

it.each([2n ** 62n, -(2n ** 62n)])("still lists, with its neighbours, what claims to have been accepted at %d", async (acceptedAtMs) => {
  const other = story.request({ notificationId: "other" });
  await handle([story.asked(story.request({ acceptedAtMs })), story.asked(other)]);
  const after = { acceptedAtMs: Number.MAX_SAFE_INTEGER, notificationId: "" };
  const places = await store.list({ environment: "development", fromMs: 0, after, limit: 10 });
  expect(new Set(places.map(({ notificationId }) => notificationId))).toEqual(new Set([story.NOTIFICATION, "other"]));
});
