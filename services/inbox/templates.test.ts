import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { DeadLetterSchema, DeliveryEventSchema, DeliverySchema, UsedTemplateSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import { wordsOf } from "#platform/render/content.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { orderPaid, type TemplatesRoom, templatesRoom } from "../../test/fakes/templates.ts";
import { inboxStage } from "./stage.ts";
import { sqliteInboxStore } from "./store.sqlite.ts";
import type { InboxStore } from "./store.ts";

let folder: string;
let database: Database;
let at: Trial;
let room: TemplatesRoom;
let store: InboxStore;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-inbox-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  store = await sqliteInboxStore(database);
  at = trial(topics.all);
  room = await templatesRoom(at.clock);
  await room.publish("t", orderPaid());
  const needs = { ...at, fanout: memoryFanout(), ledger: memoryLedger(at), worker: "w-1" };
  await at.run(inboxStage(store, { ...needs, wordsOf: wordsOf(versionsOf({ client: room.client, clock: at.clock })) }));
});
afterEach(async () => {
  await at.end();
  await room.close();
  await database.close();
  rmSync(folder, { recursive: true });
});

const put = (id: string, data: object) =>
  at.log.append([
    {
      topic: topics.web,
      key: "development/ann",
      value: toBinary(
        DeliverySchema,
        create(DeliverySchema, {
          ...{ deliveryId: id, notificationId: `n-${id}`, environment: "development", userId: "ann", channel: Channel.WEB, cycle: 1 },
          expiresAtMs: BigInt(at.clock.nowMs() + 60_000),
          template: toBinary(UsedTemplateSchema, create(UsedTemplateSchema, { name: "t", version: 1, data } as { name: string })),
        }),
      ),
    },
  ]);

it("a web notification is rendered into its row; one that cannot be is a dead letter, and its neighbours are stored", async () => {
  await put("a", { name: "<Ann>", order: { total: 5 } });
  await put("b", { name: {}, order: { total: 5 } });
  await put("c", { name: "Ann", order: { total: 6 } });
  await vi.waitFor(async () => expect(await store.after("development", "ann", 0, 10)).toHaveLength(2));
  const rows = await store.after("development", "ann", 0, 10);
  expect(rows.map(({ title, body }) => [title, body])).toEqual([
    ["Paid", "<Ann>, we have your 5."],
    ["Paid", "Ann, we have your 6."],
  ]);
  await vi.waitFor(async () => expect(await at.records(topics.deadWeb)).toHaveLength(1));
  const [letter] = (await at.records(topics.deadWeb)).map(({ value }) => fromBinary(DeadLetterSchema, value));
  expect(letter).toMatchObject({
    reason: "render_failed",
    detail: 'template "t" version 1: body, line 1, column 3: name is an object, and only text, numbers and truth values are shown',
  });
  const events = (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
  expect(events.find(({ deliveryId }) => deliveryId === "b")).toMatchObject({ status: DeliveryStatus.DEAD, reason: "render_failed" });
});
