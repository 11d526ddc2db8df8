import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, DeliveryEventSchema, DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { inboxStage } from "./stage.ts";
import { sqliteInboxStore } from "./store.sqlite.ts";
import type { InboxStore } from "./store.ts";

type Init = Exclude<MessageInitShape<typeof DeliverySchema>, Delivery>;

const { SENT, CANCELED, EXPIRED } = DeliveryStatus;

describe("the inbox's worker", () => {
  let at: Trial;
  let folder: string;
  let database: Database;
  let store: InboxStore;
  let ledger: Ledger;

  beforeEach(async () => {
    at = trial(topics.all);
    folder = mkdtempSync(join(tmpdir(), "carillon-inbox-"));
    database = await openDatabase({ file: join(folder, "carillon.sqlite") });
    store = await sqliteInboxStore(database);
    ledger = memoryLedger({ clock: at.clock });
  });
  afterEach(async () => {
    await at.end();
    await database.close();
    rmSync(folder, { recursive: true });
  });

  const put = (...inits: Init[]) =>
    at.log.append(
      inits.map((init) => {
        const content = toBinary(ContentSchema, create(ContentSchema, { title: `Title ${init.deliveryId}` }));
        const about = { notificationId: `n-${init.deliveryId}`, environment: "development", userId: "ann", channel: Channel.WEB, cycle: 1 };
        const value = create(DeliverySchema, { ...about, expiresAtMs: BigInt(at.clock.nowMs() + 60_000), content, ...init });
        return { topic: topics.web, key: "development/ann", value: toBinary(DeliverySchema, value) };
      }),
    );
  const run = async (name = "inbox") => {
    const { clock, logger } = at;
    await at.run({ ...inboxStage(store, { clock, logger, ledger, fanout: memoryFanout(), worker: "w-1" }), name });
    await vi.waitFor(async () => expect(await at.log.lag(name, [topics.web])).toBe(0));
  };
  const events = async () =>
    (await at.records(topics.deliveryEvents))
      .map(({ value }) => fromBinary(DeliveryEventSchema, value))
      .map(({ deliveryId, status, reason }) => [deliveryId, status, reason]);
  const titles = async () => (await store.after("development", "ann", 0, 10)).map(({ title }) => title);
  const cancel = (notificationId: string, environment = "development") =>
    ledger.cancel({ environment, notificationId, untilMs: Number.MAX_SAFE_INTEGER });

  it("stores what is neither canceled nor expired, in order, and says what became of each", async () => {
    await cancel("n-b");
    await cancel("n-c", "staging");
    await put({ deliveryId: "a" }, { deliveryId: "b" }, { deliveryId: "c" }, { deliveryId: "d", expiresAtMs: 1n });
    await run();
    expect(await titles()).toEqual(["Title a", "Title c"]);
    expect((await events()).sort()).toEqual([
      ["a", SENT, "stored_in_inbox"],
      ["b", CANCELED, "canceled"],
      ["c", SENT, "stored_in_inbox"],
      ["d", EXPIRED, "expired"],
    ]);
  });

  it("canceled stays canceled when its record comes again, with the same event", async () => {
    await cancel("n-a");
    await put({ deliveryId: "a" }, { deliveryId: "a" });
    await run();
    await run("again");
    const ids = (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value).eventId);
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(1);
    expect(await titles()).toEqual([]);
  });

  it("what it has let pass it tells as sent for good, also when the cancel comes before its record is read again", async () => {
    await put({ deliveryId: "a" });
    await run();
    await cancel("n-a");
    expect(await ledger.statesOf("development", ["a"])).toEqual([["leased"]]);
    await at.clock.advance(40_000);
    await run("again");
    expect(await titles()).toEqual(["Title a"]);
    expect((await events()).map(([, status]) => status)).toEqual([SENT, SENT]);
  });
});
