/** What is recorded with a decision and carried out whenever its record comes, and what becomes of one that cannot be read. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { recipientKey } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import { DeliveryEventSchema, DeliverySchema, Moment, NotificationPrioritizedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
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

const ID = "0192f0c1-2345-7abc-8def-0123456789ab";
const OTHER = "0192f0c1-2345-7abc-8def-0123456789ac";

let at: Trial;
let folder: string;
let database: Database;
let ledger: Ledger;
let clients: Clients;
let people: Client<typeof PreferencesService>;

beforeEach(async () => {
  at = trial(topics.all);
  folder = mkdtempSync(join(tmpdir(), "carillon-dispatcher-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  const { clock, metrics, logger } = at;
  ledger = memoryLedger({ clock });
  const service = preferencesService({
    people: await sqlitePreferenceStore(database),
    categories: await sqliteCategoryStore(database),
    suppressions: await sqliteSuppressionStore(database),
    ...{ erase: noErasing, ledger, clock },
  });
  const rpc = [(router: ConnectRouter) => router.service(PreferencesService, service)];
  clients = createClients({ rpc: () => rpc, clock, metrics, logger });
  people = clients(PreferencesService, "development");
  await people.upsertPerson({ userId: "ann", email: "ann@example.test" });
});
afterEach(async () => {
  await at.end();
  await database.close();
  rmSync(folder, { recursive: true });
});

const put = (...inits: MessageInitShape<typeof NotificationPrioritizedSchema>[]) =>
  at.log.append(
    inits.map((init) => {
      const value = create(NotificationPrioritizedSchema, {
        ...{ notificationId: ID, environment: "development", userId: "ann", eventType: "post.liked", category: "post", priority: 2 },
        expiresAtMs: BigInt(at.clock.nowMs() + 86_400_000),
        content: toBinary(ContentSchema, create(ContentSchema, { title: "Liked" })),
        ...(init as object),
      });
      const key = recipientKey(value.environment, value.userId);
      return { topic: topics.medium, key, value: toBinary(NotificationPrioritizedSchema, value) };
    }),
  );
const start = (by: Ledger = ledger) => at.run(dispatcher({ client: clients, ledger: by, clock: at.clock, logger: at.logger }));
const settled = () => vi.waitFor(async () => expect(await at.log.lag("dispatcher", [topics.medium])).toBe(0), 5_000);
const deliveries = async () => {
  const all = await Promise.all([topics.email.medium, topics.web].map((topic) => at.records(topic)));
  return all.flat().map(({ value }) => fromBinary(DeliverySchema, value));
};

const once = { category: { name: "post", atMostOnce: true } };

describe("for a category whose mails may be sent at most once, the dispatcher", () => {
  it("says so in each delivery, and not in those of others", async () => {
    await people.setCategory(once);
    await put({}, { notificationId: OTHER, category: "news" }, { environment: "staging" });
    await start();
    await settled();
    const said = (await deliveries()).map(({ category, environment, atMostOnce }) => [environment, category, atMostOnce].join());
    expect(new Set(said)).toEqual(new Set(["development,post,true", "development,news,false", "staging,post,false"]));
  });

  it("goes by what was recorded, whatever the category says when the record comes again", async () => {
    await people.setCategory(once);
    await put({});
    await start();
    await settled();
    await people.setCategory({ category: { name: "post" } });
    await put({});
    await settled();
    expect((await deliveries()).map(({ atMostOnce }) => atMostOnce)).toEqual([true, true, true, true]);
  });
});

it.each([
  ["is empty", () => new Uint8Array()],
  ["is cut within a field", () => new Uint8Array([0x0a, 0x20, 0x08])],
  // It would go out as one that may be repeated.
  ["has lost that its mail may be sent at most once", (whole: Uint8Array) => whole.subarray(0, -2)],
])(
  "a recorded decision that %s: its recipient is refused with the reason, a dead letter is kept, and the lane goes on",
  async (_how, spoil) => {
    await people.setCategory(once);
    const decideOnce: Ledger["decideOnce"] = async (drafts) =>
      (await ledger.decideOnce(drafts)).map((decided, place) =>
        drafts[place]?.notificationId === ID ? { decision: spoil(decided.decision), first: false, canceled: false } : decided,
      );
    await put({}, { notificationId: OTHER });
    await start({ ...ledger, decideOnce });
    await settled();
    const sent = await deliveries();
    expect([sent.length, new Set(sent.map(({ notificationId }) => notificationId))]).toEqual([2, new Set([OTHER])]);
    const events = (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
    const refused = events.filter(({ notificationId }) => notificationId === ID);
    expect(refused).toMatchObject([{ moment: Moment.REFUSED, reason: "ledger_malformed", userId: "ann" }]);
    expect(await at.records(topics.deadNotifications)).toHaveLength(1);
  },
);
