import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, it } from "vitest";
import * as topics from "#domain/topics.ts";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { IngestService, type SendRequest, type SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { orderPaid, type TemplatesRoom, templatesRoom } from "../../test/fakes/templates.ts";
import { Intake } from "./intake.ts";
import { sqliteReservations } from "./reservations.sqlite.ts";
import { ingestService } from "./service.ts";
import { SendShedder } from "./shed/shedder.ts";
import { pinning } from "./templates.ts";

let folder: string;
let database: Database;
let at: Trial;
let room: TemplatesRoom;
let ingest: Client<typeof IngestService>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-ingest-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  at = trial(topics.all);
  room = await templatesRoom(at.clock);
  const reservations = await sqliteReservations(database);
  const pinned = pinning(versionsOf({ client: room.client, clock: at.clock }));
  const cancel = () => expect.fail("nothing is canceled here");
  const shedder = new SendShedder({ ...at, mostBytes: 32 * 1_024 * 1_024, mostLag: 0, lag: async () => 0 });
  const service = ingestService({ intake: new Intake(at, reservations), reservations, cancel, pinned, shedder, clock: at.clock });
  const routes = (router: ConnectRouter) => router.service(IngestService, service);
  ingest = createClients({ rpc: () => [routes], ...at })(IngestService, "development");
});
afterEach(async () => {
  await room.close();
  await at.end();
  await database.close();
  rmSync(folder, { recursive: true });
});

type Sent = Exclude<MessageInitShape<typeof SendRequestSchema>, SendRequest>;
const send = (more: Sent = {}) =>
  ingest.send({ recipients: [{ userId: "ann" }], template: { name: "t", data: { order: { total: 5 } }, locale: "pt-br" }, ...more });
const requested = async () => (await at.records(topics.raw)).map(({ value }) => fromBinary(NotificationRequestedSchema, value));
const reasonOf = async (call: Promise<unknown>) => (await call.then(() => expect.fail("was taken"), problemFrom)).reason;

it("pins the live version, and keeps data and locale with it", async () => {
  await room.publish("t", orderPaid());
  await room.publish("t", orderPaid());
  await send();
  const [first] = await requested();
  expect(first?.content).toBeUndefined();
  expect(first?.template).toMatchObject({ name: "t", version: 2, data: { order: { total: 5 } }, locale: "pt-BR", channels: [1, 2] });
});

it("answers a repeat of a key as the first time, whatever has become of the template", async () => {
  await room.publish("t", orderPaid());
  const first = await send({ idempotencyKey: "k" });
  await room.publish("t", orderPaid());
  await at.clock.advance(2_000);
  const { acceptedAt, ...answer } = first;
  expect(await send({ idempotencyKey: "k" })).toEqual({ ...answer, acceptedAt, repeated: true });
  await room.templates.archive({ name: "t" });
  await at.clock.advance(2_000);
  expect(await send({ idempotencyKey: "k" })).toEqual({ ...answer, acceptedAt, repeated: true });
  const { requested: kept } = await ingest.getAccepted({ notificationId: first.notificationId });
  expect(fromBinary(NotificationRequestedSchema, kept).template?.version).toBe(1);
  expect(await reasonOf(send({ idempotencyKey: "k", actor: "bo" }))).toBe("IDEMPOTENCY_KEY_REUSED");
  expect(await reasonOf(send({ idempotencyKey: "other" }))).toBe("INVALID_REQUEST");
  expect(await requested()).toHaveLength(1);
});

it("takes nothing while the templates cannot be read, and says that repeating helps", async () => {
  await room.publish("t", orderPaid());
  const { find } = room.store;
  Object.assign(room.store, { find: () => Promise.reject(new Error("the disk is away")) });
  expect(await reasonOf(send())).toBe("TEMPLATES_UNAVAILABLE");
  Object.assign(room.store, { find });
  await send();
  expect(await requested()).toHaveLength(1);
});

it("refuses a request without words, and one with words of two kinds", async () => {
  await room.publish("t", orderPaid());
  const fields = async (call: Promise<unknown>) =>
    (await call.then(() => expect.fail("was taken"), problemFrom)).violations.map(({ field }) => field);
  expect(await fields(ingest.send({ recipients: [{ userId: "ann" }] }))).toEqual(["content"]);
  expect(await fields(send({ content: { title: "Hi" } }))).toEqual(["template"]);
  expect(await fields(send({ template: { name: "t", data: { order: { total: 5 } }, locale: "no locale" } }))).toEqual(["template.locale"]);
});
