import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import * as topics from "#domain/topics.ts";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { faults, faultyLog } from "../../test/fakes/log.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { accept } from "./accept.ts";
import { Intake, type Taken } from "./intake.ts";
import { sqliteReservations } from "./reservations.sqlite.ts";
import type { Reservations } from "./reservations.ts";

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

let at: Trial;
let folder: string;
let database: Database;
let reservations: Reservations;
/** While it is set, the log takes nothing. */
let logIsAway: boolean;
let intake: Intake;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-ingest-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  reservations = await sqliteReservations(database);
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  at = trial(topics.all);
  logIsAway = false;
  intake = intakeOver(reservations);
});
afterEach(async () => {
  await at.end();
  await reservations.forget?.(Number.MAX_SAFE_INTEGER, 10_000);
});

const intakeOver = (over: Reservations): Intake => {
  const append = () => {
    if (logIsAway) throw new Error("no room on the disk");
  };
  return new Intake({ log: faultyLog(at.log, faults({ append })), logger: at.logger }, over);
};
const asked = (title: string, more: MessageInitShape<typeof SendRequestSchema> = {}, environment = "development") =>
  accept(
    create(SendRequestSchema, { recipients: [{ userId: "ann" }], content: { title }, ...(more as object) }),
    environment,
    at.clock.nowMs(),
  );
const keyed = (title: string, idempotencyKey = "k", environment = "development") => asked(title, { idempotencyKey }, environment);
const take = async (...candidates: Parameters<Intake["take"]>[0]) =>
  (await intake.take(candidates)).map((each) => (each instanceof Problem ? each.reason : each.repeated ? "repeated" : "taken"));
const appended = async () =>
  (await at.records(topics.raw)).map(({ value }) => fromBinary(NotificationRequestedSchema, value).content?.title).sort();
const problemOf = (call: Promise<unknown>) =>
  call.then(
    () => expect.fail("was taken"),
    (error: unknown) => error as Problem,
  );

it("appends what it takes, in Protobuf and with the caller's trace, before it answers", async () => {
  const candidate = asked("A");
  expect(await intake.take([candidate], TRACE)).toEqual([{ reservation: candidate.reservation, repeated: false }]);
  const [record] = await at.records(topics.raw);
  expect(record).toMatchObject({ key: "development/ann", headers: { "content-type": "application/protobuf", traceparent: TRACE } });
  expect(record?.value).toEqual(candidate.reservation.requested);
});

it("can answer a read as soon as it has answered, with and without keys, also of both at once", async () => {
  const [both, alone] = [[asked("A"), keyed("B"), asked("C")], [asked("D")]];
  await intake.take(both);
  await intake.take(alone);
  for (const { reservation } of [...both, ...alone])
    await vi.waitFor(async () =>
      expect(await reservations.get("development", reservation.notificationId)).toMatchObject({ accepted: true }),
    );
});

describe("an idempotency key", () => {
  it("answers the same request with the first answer, and nothing is appended again", async () => {
    const [first] = (await intake.take([keyed("A")])) as Taken[];
    await at.clock.advance(5_000);
    const [again] = (await intake.take([keyed("A")])) as Taken[];
    expect(again).toEqual({ reservation: { ...first?.reservation, accepted: true }, repeated: true });
    expect(await appended()).toEqual(["A"]);
  });

  it("is refused for another request, and the first stays as it was", async () => {
    await take(keyed("A"));
    expect(await take(keyed("B"))).toEqual(["IDEMPOTENCY_KEY_REUSED"]);
    expect(await take(keyed("A"))).toEqual(["repeated"]);
    expect(await appended()).toEqual(["A"]);
  });

  it("means another request in another environment", async () => {
    expect(await take(keyed("A"))).toEqual(["taken"]);
    expect(await take(keyed("B", "k", "production"))).toEqual(["taken"]);
    expect(await appended()).toEqual(["A", "B"]);
  });

  it("lets exactly one of many at once in, and the others share its answer", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => take(keyed("A"))));
    expect(answers.flat().sort()).toEqual([...Array(19).fill("repeated"), "taken"]);
    expect(await appended()).toEqual(["A"]);
  });

  it("lets exactly one of two different requests at once in", async () => {
    const answers = await Promise.all([take(keyed("A")), take(keyed("B"))]);
    expect(answers.flat().sort()).toEqual(["IDEMPOTENCY_KEY_REUSED", "taken"]);
    expect(await appended()).toHaveLength(1);
  });

  it("counts within one batch as well", async () => {
    expect(await take(keyed("A"), keyed("A"), keyed("B"), keyed("C", "other"))).toEqual([
      ...["taken", "repeated", "IDEMPOTENCY_KEY_REUSED", "taken"],
    ]);
    expect(await appended()).toEqual(["A", "C"]);
  });

  it("can be used for something else once it is forgotten", async () => {
    await take(keyed("A"));
    await reservations.forget?.(at.clock.nowMs() + 1, 10);
    expect(await take(keyed("B"))).toEqual(["taken"]);
  });

  it("without one, the same request twice is two", async () => {
    expect(await take(asked("A"), asked("A"))).toEqual(["taken", "taken"]);
    expect(await appended()).toEqual(["A", "A"]);
  });

  it("answers the first answer also after the request has expired, and lets nothing else in that is late", async () => {
    const expiresAt = timestampFromMs(at.clock.nowMs() + 60_000);
    const late = (title: string, idempotencyKey: string) => asked(title, { idempotencyKey, expiresAt });
    await take(late("A", "k"));
    await at.clock.advance(60_000);
    expect(await take(late("A", "k"), late("B", "k"), late("C", "another"))).toEqual([
      ...["repeated", "IDEMPOTENCY_KEY_REUSED", "INVALID_REQUEST"],
    ]);
    expect(await appended()).toEqual(["A"]);
    expect(await reservations.get("development", late("C", "another").reservation.notificationId)).toBeUndefined();
  });
});

describe("when the log cannot take it", () => {
  it.each([
    ["with a key", () => keyed("A")],
    ["without a key", () => asked("A")],
  ])("says unavailable and when to come again, %s", async (_what, candidate) => {
    logIsAway = true;
    expect(await problemOf(intake.take([candidate()]))).toMatchObject({ reason: "LOG_UNAVAILABLE", retryAfterMs: 1_000 });
    expect(await appended()).toEqual([]);
  });

  it("answers no read, and the same request with the same key is taken afterwards as the first", async () => {
    logIsAway = true;
    const candidate = keyed("A");
    await problemOf(intake.take([candidate]));
    expect(await reservations.get("development", candidate.reservation.notificationId)).toMatchObject({ accepted: false });
    logIsAway = false;
    expect(await take(keyed("A"))).toEqual(["taken"]);
    expect(await take(keyed("A"))).toEqual(["repeated"]);
    expect(await appended()).toEqual(["A"]);
  });

  it("takes none of a batch, and all of it when it comes again", async () => {
    const batch = () => [keyed("A", "a"), keyed("B", "b"), keyed("C", "c")];
    logIsAway = true;
    await problemOf(intake.take(batch()));
    expect(await appended()).toEqual([]);
    logIsAway = false;
    expect(await take(...batch())).toEqual(["taken", "taken", "taken"]);
    expect(await appended()).toEqual(["A", "B", "C"]);
  });

  it("says so to everybody who came with the same key meanwhile", async () => {
    logIsAway = true;
    const problems = await Promise.all([problemOf(intake.take([keyed("A")])), problemOf(intake.take([keyed("A")]))]);
    expect(problems.map(({ reason }) => reason)).toEqual(["LOG_UNAVAILABLE", "LOG_UNAVAILABLE"]);
  });

  it("still tells a repeat its answer, and refuses a key used for something else", async () => {
    await take(keyed("A"));
    logIsAway = true;
    expect(await take(keyed("A"), keyed("B"))).toEqual(["repeated", "IDEMPOTENCY_KEY_REUSED"]);
  });
});

it("appends what another process reserved and then died with, as it was asked then", async () => {
  const first = keyed("A");
  await reservations.reserve([first.reservation]);
  await at.clock.advance(9_000);
  const [taken] = (await intake.take([keyed("A")])) as Taken[];
  expect(taken).toEqual({ reservation: first.reservation, repeated: false });
  expect((await at.records(topics.raw))[0]?.value).toEqual(first.reservation.requested);
});

it("takes nothing when it cannot reserve a key", async () => {
  intake = intakeOver({ ...reservations, reserve: () => Promise.reject(new Error("the database is away")) });
  expect((await problemOf(intake.take([keyed("A"), asked("B")]))).reason).toBe("LOG_UNAVAILABLE");
  expect(await appended()).toEqual([]);
});

it("does not turn away what is in the log because it could not note it down, and appends it once more when the key comes again", async () => {
  intake = intakeOver({ ...reservations, markAccepted: () => Promise.reject(new Error("the database is away")) });
  expect(await take(keyed("A"))).toEqual(["taken"]);
  intake = intakeOver({ ...reservations, reserve: () => Promise.reject(new Error("the database is away")) });
  expect(await take(asked("B"))).toEqual(["taken"]);
  expect(at.lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining([expect.stringContaining("reservations not marked")]));
  await vi.waitFor(() => expect(at.lines.map(({ msg }) => msg)).toContain("reservations not kept"), 5_000);
  intake = intakeOver(reservations);
  await take(keyed("A"));
  const [first, again] = (await at.records(topics.raw)).filter(
    ({ value }) => fromBinary(NotificationRequestedSchema, value).content?.title === "A",
  );
  expect(again?.value).toEqual(first?.value);
});

it("logs each acknowledgement by its id, and nobody's words", async () => {
  const candidate = asked("Secret");
  await intake.take([candidate]);
  const { notificationId } = candidate.reservation;
  expect(at.lines).toContainEqual(expect.objectContaining({ msg: "notification accepted", notificationId }));
  expect(JSON.stringify(at.lines)).not.toMatch(/Secret|ann/);
});
