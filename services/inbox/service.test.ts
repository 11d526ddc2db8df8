import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import pino from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Cursor, formatCursor, parseCursor } from "#domain/cursor.ts";
import { InboxService, type ListMessagesResponse } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { inboxService } from "./service.ts";
import { sqliteInboxStore } from "./store.sqlite.ts";
import type { InboxStore } from "./store.ts";

const KEPT = 100;

let folder: string;
let database: Database;
let store: InboxStore;
let clients: Clients;
let inbox: Client<typeof InboxService>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-inbox-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  store = await sqliteInboxStore(database, KEPT);
  const routes = (router: ConnectRouter) => router.service(InboxService, inboxService(store));
  clients = createClients({ rpc: () => [routes], clock: fakeClock(), logger: pino({ level: "silent" }), metrics: new Registry() });
  inbox = clients(InboxService, "development");
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

/** Stores messages 1 to `count` of one person, by notifications n-1, n-2, … */
const fill = async (count: number, { userId = "ann", environment = "development", from = 1 } = {}): Promise<string> => {
  const numbers = Array.from({ length: count }, (_, index) => from + index);
  const placed = await store.add(
    numbers.map((number) => ({
      ...{ environment, userId, deliveryId: `${environment}-${userId}-${number}`, notificationId: `n-${number}`, eventType: "post.liked" },
      ...{ category: "post", title: `Title ${number}`, body: "", createdAtMs: 1_712_319_780_000 + number },
    })),
  );
  return placed[0]?.epoch as string;
};
const seqsOf = ({ messages }: ListMessagesResponse) => messages.map(({ seq }) => Number(seq));
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const refused = (call: Promise<unknown>) => call.then(() => expect.fail("was answered"), problemFrom);

it("answers somebody without messages with nothing, and the same again from there", async () => {
  const answer = await inbox.listMessages({ userId: "ann" });
  expect(answer).toMatchObject({ messages: [], cursor: "", more: false, topSeq: 0n, reset: false });
  expect(await inbox.listMessages({ userId: "ann", cursor: answer.cursor })).toEqual(answer);
});

it("answers the newest 50 without a cursor, oldest first, and the cursor to go on from", async () => {
  const epoch = await fill(60);
  const answer = await inbox.listMessages({ userId: "ann" });
  expect(seqsOf(answer)).toEqual(upTo(11, 60));
  expect(answer).toMatchObject({ cursor: `${epoch}:60`, more: false, topSeq: 60n, reset: false });
  expect(answer.messages.at(-1)).toMatchObject({
    ...{ deliveryId: "development-ann-60", notificationId: "n-60", eventType: "post.liked", category: "post", title: "Title 60", body: "" },
    createdAtMs: 1_712_319_780_060n,
  });
});

it("pages on from a cursor without a gap or a repeat, and says when there is no more", async () => {
  const epoch = await fill(7);
  const pages: number[][] = [];
  let [cursor, more] = [`${epoch}:0`, true];
  while (more) {
    const page = await inbox.listMessages({ userId: "ann", cursor, limit: 3 });
    pages.push(seqsOf(page));
    ({ cursor, more } = page);
  }
  expect(pages).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  const end = await inbox.listMessages({ userId: "ann", cursor });
  expect(end).toMatchObject({ messages: [], cursor, more: false, topSeq: 7n, reset: false });
  await fill(1, { from: 8 });
  expect(seqsOf(await inbox.listMessages({ userId: "ann", cursor }))).toEqual([8]);
});

it("goes on after the message that a notification came by, in the place of a cursor", async () => {
  await fill(5);
  expect(seqsOf(await inbox.listMessages({ userId: "ann", afterNotificationId: "n-3" }))).toEqual([4, 5]);
});

it("answers a cursor also after the newest notification: who goes on from there gets nothing twice", async () => {
  const epoch = await fill(5);
  const answer = await inbox.listMessages({ userId: "ann", afterNotificationId: "n-5" });
  expect(answer).toMatchObject({ messages: [], cursor: `${epoch}:5`, more: false, reset: false });
  expect(seqsOf(await inbox.listMessages({ userId: "ann", cursor: answer.cursor }))).toEqual([]);
});

it("starts anew after a notification that it does not know, and heeds a cursor before a notification", async () => {
  const epoch = await fill(5);
  const unknown = await inbox.listMessages({ userId: "ann", afterNotificationId: "n-of-somebody" });
  expect(seqsOf(unknown)).toEqual([1, 2, 3, 4, 5]);
  expect(unknown.reset).toBe(true);
  expect(seqsOf(await inbox.listMessages({ userId: "ann", cursor: `${epoch}:4`, afterNotificationId: "n-1" }))).toEqual([5]);
});

it.each([
  ["another epoch", ({ seq }: Cursor) => ({ epoch: "elsewhere", seq })],
  ["a seq that was never given", ({ epoch }: Cursor) => ({ epoch, seq: 121 })],
  ["a seq beyond what is kept", ({ epoch }: Cursor) => ({ epoch, seq: 19 })],
])("starts anew from a cursor of %s", async (_what, spoil) => {
  await fill(120);
  const { cursor } = await inbox.listMessages({ userId: "ann" });
  const spoilt = formatCursor(spoil(parseCursor(cursor) as Cursor));
  const answer = await inbox.listMessages({ userId: "ann", cursor: spoilt, limit: 10 });
  expect(seqsOf(answer)).toEqual(upTo(111, 120));
  expect(answer).toMatchObject({ cursor, more: false, topSeq: 120n, reset: true });
});

it("goes on from the oldest message that is kept", async () => {
  const epoch = await fill(120);
  const answer = await inbox.listMessages({ userId: "ann", cursor: `${epoch}:20`, limit: 2 });
  expect(seqsOf(answer)).toEqual([21, 22]);
  expect(answer).toMatchObject({ more: true, reset: false });
});

it("tells somebody who has no messages to forget those of their cursor", async () => {
  expect(await inbox.listMessages({ userId: "ann", cursor: "gone:5" })).toMatchObject({
    messages: [],
    cursor: "",
    topSeq: 0n,
    reset: true,
  });
});

it("keeps persons and environments apart", async () => {
  await fill(2);
  await fill(3, { userId: "bo" });
  expect(seqsOf(await inbox.listMessages({ userId: "bo" }))).toEqual([1, 2, 3]);
  const elsewhere = clients(InboxService, "production");
  expect((await elsewhere.listMessages({ userId: "ann" })).messages).toEqual([]);
  expect((await elsewhere.listMessages({ userId: "ann", afterNotificationId: "n-1" })).messages).toEqual([]);
});

it.each(["nonsense", "epoch:", ":5", "epoch:-1", "epoch:1.5", "epoch:01", "ep och:1"])(
  "refuses the cursor %j, naming the field",
  async (cursor) => {
    const { reason, violations } = await refused(inbox.listMessages({ userId: "ann", cursor }));
    expect([reason, violations.map(({ field }) => field)]).toEqual(["INVALID_REQUEST", ["cursor"]]);
  },
);

it.each([
  ["user_id", { userId: "" }],
  ["limit", { userId: "ann", limit: 201 }],
  ["limit", { userId: "ann", limit: -1 }],
])("holds %s to its bounds", async (field, request) => {
  expect((await refused(inbox.listMessages(request))).violations.map((each) => each.field)).toEqual([field]);
});
