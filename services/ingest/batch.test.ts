import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { createContextValues, type HandlerContext } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Problem } from "#domain/errors.ts";
import * as topics from "#domain/topics.ts";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { SendBatchRequestSchema, type SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { principalKey } from "#platform/rpc/call.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { sendBatch } from "./batch.ts";
import { Intake } from "./intake.ts";
import { type RawRecord, rawRecords } from "./records.ts";
import { sqliteReservations } from "./reservations.sqlite.ts";
import type { Reservations } from "./reservations.ts";
import { SendShedder, type Work } from "./shed/shedder.ts";
import type { Pinning } from "./templates.ts";

type Init = MessageInitShape<typeof SendRequestSchema>;

const MOST = 8 * 1_024 * 1_024;
/** As much as may be on its way into the log at once, or more. */
const ALL_OF_THE_LOG = 16 * 1_024 * 1_024;

let at: Trial;
let folder: string;
let database: Database;
let reservations: Reservations;
let shedder: SendShedder;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-ingest-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  reservations = await sqliteReservations(database);
  at = trial(topics.all);
  shedder = new SendShedder({ ...at, mostBytes: MOST, mostLag: 0, lag: async () => 0 });
});
afterEach(async () => {
  await at.end();
  await database.close();
  rmSync(folder, { recursive: true });
});

const working = (): Work =>
  shedder.work({
    values: createContextValues().set(principalKey, { environment: "shop", internal: false, scopes: [] }),
    signal: new AbortController().signal,
  } as HandlerContext);
/** Nothing is on its way into the log: what is as large as all of it has its turn at once. */
const isIdle = async () => {
  const work = working();
  let goes = false;
  const ended = work.turn("", ALL_OF_THE_LOG).then((end) => {
    goes = true;
    end();
  });
  await at.clock.advance(0);
  if (goes) await ended;
  work.leave();
  return goes;
};
const fine = (title: string, more: Init = {}): Init => ({ recipients: [{ userId: "ann" }], content: { title }, ...(more as object) });
const asked = (...notifications: Init[]) => create(SendBatchRequestSchema, { notifications });
async function sent(notifications: Init[], { pinned = async () => undefined, record }: { pinned?: Pinning; record?: RawRecord } = {}) {
  const work = working();
  const intake = new Intake(at, reservations, record);
  const call = { environment: "shop", headerKey: "", traceparent: undefined, requestId: "request-1", work, handed: () => {} };
  try {
    const results = await sendBatch(asked(...notifications), call, { ...at, intake, pinned });
    return results.map(({ result }) => (result.case === "error" ? `${result.value.reason}: ${result.value.message}` : result.case));
  } finally {
    work.leave();
  }
}
const appended = async () =>
  (await at.records(topics.raw)).map(({ value }) => fromBinary(NotificationRequestedSchema, value).content?.title).sort();

it.each<[string, Init, string]>([
  ["half a character in metadata", { metadata: { a: "\ud83d" } }, "metadata: must hold whole Unicode characters only"],
  ["half a character in a name of metadata", { metadata: { "\ud83d": 1 } }, "metadata: must hold whole Unicode characters only"],
  ["a time before all times", { sendAt: { seconds: -99_999_999_999_999n, nanos: 0 } as never }, "send_at: must not be before 0001-01-01"],
])("%s is that item's own fault, with a key and without; its place in the log is free again", async (_what, wrong, why) => {
  for (const idempotencyKey of ["", "k"]) {
    const [first, second, third] = await sent([fine("A"), fine("B", { ...(wrong as object), idempotencyKey }), fine("C")]);
    expect([first, third]).toEqual(["accepted", "accepted"]);
    expect(second).toContain(`INVALID_REQUEST: ${why}`);
    expect(await isIdle()).toBe(true);
  }
});

it("an error that nobody foresaw is INTERNAL to its item, found in the log by its request, and the others go on", async () => {
  const pinned: Pinning = async ({ content }) => {
    if (content?.title === "B") throw new TypeError("the secret cause");
    return undefined;
  };
  const [first, second, third] = await sent([fine("A"), fine("B"), fine("C")], { pinned });
  expect([first, third]).toEqual(["accepted", "accepted"]);
  expect(second).toMatch(/^INTERNAL: .*request-1/);
  expect(second).not.toContain("secret");
  expect(await appended()).toEqual(["A", "C"]);
  expect(await isIdle()).toBe(true);
});

it("a part that fails inside is its items' own, and where nothing was taken the call's; nothing of it stays on its way", async () => {
  const whole = rawRecords({ format: "protobuf", origin: undefined });
  const broken =
    (isBroken: (title: string) => boolean): RawRecord =>
    (key, requested, traceparent) => {
      if (isBroken(fromBinary(NotificationRequestedSchema, requested).content?.title ?? "")) throw new TypeError("the secret cause");
      return whole(key, requested, traceparent);
    };
  const ofTwoTenants = [fine("A", { tenant: "x" }), fine("B", { tenant: "y" })];
  const [first, second] = await sent(ofTwoTenants, { record: broken((title) => title === "A") });
  expect([first?.startsWith("INTERNAL"), second]).toEqual([true, "accepted"]);
  expect(await isIdle()).toBe(true);
  const failed = sent(ofTwoTenants, { record: broken(() => true) });
  await expect(failed).rejects.toThrow(TypeError);
  await expect(failed).rejects.not.toBeInstanceOf(Problem);
  expect(await isIdle()).toBe(true);
  expect(await appended()).toEqual(["B"]);
});
