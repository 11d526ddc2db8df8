import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { DeliveryEventSchema, DeliverySchema, NotificationPrioritizedSchema, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { noErasing } from "../../test/fakes/erasing.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { sqliteCategoryStore } from "../preferences/categories.sqlite.ts";
import { preferencesService } from "../preferences/service.ts";
import { sqlitePreferenceStore } from "../preferences/store.sqlite.ts";
import { sqliteSuppressionStore } from "../preferences/suppressions.sqlite.ts";
import { dispatcher } from "./stage.ts";

let folder: string;
let database: Database;
let at: Trial;
let client: Clients;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-dispatcher-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  at = trial(topics.all);
  const store = await sqlitePreferenceStore(database);
  const suppressions = await sqliteSuppressionStore(database);
  const categories = await sqliteCategoryStore(database);
  const routes = (router: ConnectRouter) =>
    router.service(
      PreferencesService,
      preferencesService({
        people: store,
        categories,
        suppressions,
        erase: noErasing,
        ledger: memoryLedger({ clock: at.clock }),
        clock: at.clock,
      }),
    );
  client = createClients({ rpc: () => [routes], ...at });
  await at.run(dispatcher({ client, ledger: memoryLedger(at), clock: at.clock, logger: at.logger }));
});
afterEach(async () => {
  await at.end();
  await database.close();
  rmSync(folder, { recursive: true });
});

const put = (locale: string, template = new Uint8Array([1])) =>
  at.log.append([
    {
      topic: topics.medium,
      key: "development/ann",
      value: toBinary(
        NotificationPrioritizedSchema,
        create(NotificationPrioritizedSchema, {
          ...{ notificationId: "n-1", environment: "development", userId: "ann", category: "post", priority: 2 },
          ...{ expiresAtMs: BigInt(at.clock.nowMs() + 60_000), template, locale, wordedChannels: [Channel.WEB] },
        }),
      ),
    },
  ]);
const deliveries = async () => (await at.records(topics.web)).map(({ value }) => fromBinary(DeliverySchema, value));
const reads = (locale: string) =>
  client(PreferencesService, "development").upsertPerson({ userId: "ann", email: "ann@example.test", locale });

test.each([
  ["the one that was asked for", "de", "pt-BR", "de"],
  ["else the person's", "", "pt_BR", "pt-BR"],
  ["else none, and the template has its default", "", "", ""],
])("the locale of a delivery is %s", async (_what, asked, own, decided) => {
  await reads(own);
  await put(asked);
  await vi.waitFor(async () => expect((await deliveries()).map(({ locale }) => locale)).toEqual([decided]));
});

test("a replay keeps the locale that was decided, whatever the person reads by now", async () => {
  await reads("pt");
  await put("");
  await vi.waitFor(async () => expect(await deliveries()).toHaveLength(1));
  await reads("de");
  await put("");
  await vi.waitFor(async () => expect(await deliveries()).toHaveLength(2));
  expect((await deliveries()).map(({ locale }) => locale)).toEqual(["pt", "pt"]);
});

test("what waits for the end of quiet hours keeps its template and the locale that was decided", async () => {
  await reads("pt");
  const quietHours = { start: "22:00", end: "22:14" };
  // The clock stands at 22:13:20 UTC.
  await client(PreferencesService, "development").setQuietHours({ userId: "ann", quietHours, timeZone: "UTC" });
  await put("");
  await vi.waitFor(async () => expect(await at.records(topics.schedule)).toHaveLength(1));
  const [waits] = (await at.records(topics.schedule)).map(({ value }) => fromBinary(ScheduledSchema, value));
  const delivery = fromBinary(DeliverySchema, waits?.value ?? new Uint8Array());
  expect(delivery).toMatchObject({ wait: 1, locale: "pt", template: new Uint8Array([1]) });
});

test("a channel that the template has no words for is not used, and the decision says so", async () => {
  await reads("");
  await put("");
  await vi.waitFor(async () => expect(await deliveries()).toHaveLength(1));
  const events = (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
  const decisions = events.flatMap((event) => event.decisions);
  expect(decisions.find(({ channel }) => channel === Channel.EMAIL)).toMatchObject({ send: false, reasons: ["no_words"] });
});

test("inline words have no locale", async () => {
  await reads("pt");
  await put("", new Uint8Array());
  await vi.waitFor(async () => expect((await deliveries()).map(({ locale }) => locale)).toEqual([""]));
});
