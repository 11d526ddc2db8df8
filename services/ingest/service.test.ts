import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Problem } from "#domain/errors.ts";
import { notificationName } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import {
  IngestService,
  type SendBatchResponse,
  type SendError,
  type SendRequestSchema,
  type SendResponse,
  type SendResult,
} from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Given, Parts } from "#platform/host.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import type { HttpRequest, Route } from "#platform/rpc/route.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { faults, faultyLog } from "../../test/fakes/log.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { ingest as ingestModule } from "./module.ts";
import { sqliteReservations } from "./reservations.sqlite.ts";
import type { Reservations } from "./reservations.ts";

type Init = MessageInitShape<typeof SendRequestSchema>;

const HOUR_MS = 3_600_000;
const UNKNOWN_ID = "0192f0c1-2345-7abc-8def-0123456789ab";

let at: Trial;
let folder: string;
let database: Database;
let reservations: Reservations;
let parts: Parts;
let clients: Clients;
let ingest: Client<typeof IngestService>;
let logIsAway: boolean;
/** Counted since the test began; the log takes all but those that `takes` says no to. */
let appends: number;
let takes: (append: number) => boolean;
/** What an append waits for before the log gets it. */
let silence: Promise<void> | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-ingest-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  reservations = await sqliteReservations(database);
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  at = trial(topics.all);
  logIsAway = false;
  appends = 0;
  takes = () => true;
  silence = undefined;
  const append = async () => {
    await silence;
    if (logIsAway || !takes(appends++)) throw new Error("no room on the disk");
  };
  const { clock, logger, metrics } = at;
  const client: Given["client"] = (service, environment) => clients(service, environment);
  const given: Pick<Given, "log" | "clock" | "logger" | "metrics" | "client"> = {
    client,
    log: faultyLog(at.log, faults({ append })),
    clock,
    logger,
    metrics,
  };
  const destinations = [
    { channel: Channel.EMAIL, to: "team@example.test" },
    { channel: Channel.WEB, to: "ann" },
  ];
  const settings = {
    ...{ mode: "development" as const, "raw-topics": [], "broadcast.destinations": destinations, "consumer-group-id": "" },
    ...{ "ingest.memory-mib": 32, "ingest.most-lag": 0 },
  };
  parts = await ingestModule.build(settings, given as Given, reservations);
  clients = createClients({ rpc: () => (parts.rpc ? [parts.rpc] : []), clock, logger, metrics });
  ingest = clients(IngestService, "development");
});
afterEach(async () => {
  await at.end();
  await reservations.forget?.(Number.MAX_SAFE_INTEGER, 10_000);
});

const fine = (title: string, more: Init = {}): Init => ({ recipients: [{ userId: "ann" }], content: { title }, ...(more as object) });
const problemOf = (call: Promise<unknown>): Promise<Problem> => call.then(() => expect.fail("was answered"), problemFrom);
const appended = async () =>
  (await at.records(topics.raw)).map(({ value }) => fromBinary(NotificationRequestedSchema, value).content?.title).sort();
const cases = ({ results }: SendBatchResponse) => results.map(({ result }) => result.case);
const errorAt = ({ results }: SendBatchResponse, index: number) => results[index]?.result.value as SendError;

describe("Send", () => {
  it("acknowledges with an id and the time, once it is in the log", async () => {
    const { notificationId, acceptedAt, repeated } = await ingest.send(fine("A"));
    expect([timestampMs(acceptedAt as NonNullable<typeof acceptedAt>), repeated]).toEqual([at.clock.nowMs(), false]);
    const [record] = await at.records(topics.raw);
    expect(fromBinary(NotificationRequestedSchema, record?.value as Uint8Array)).toMatchObject({
      notificationId,
      environment: "development",
    });
  });

  it("hands the tenant on, as part of what a key stands for", async () => {
    await ingest.send(fine("A", { tenant: "Acme & Söhne", idempotencyKey: "k" }));
    const [record] = await at.records(topics.raw);
    expect(fromBinary(NotificationRequestedSchema, record?.value as Uint8Array).tenant).toBe("Acme & Söhne");
    expect((await problemOf(ingest.send(fine("A", { tenant: "Other", idempotencyKey: "k" })))).reason).toBe("IDEMPOTENCY_KEY_REUSED");
  });

  it("hands the caller's trace on", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    await ingest.send(fine("A"), { headers: { traceparent } });
    expect((await at.records(topics.raw))[0]?.headers.traceparent).toBe(traceparent);
  });

  it("answers the same key with the first answer, and another request with it by an error of its own", async () => {
    const first = await ingest.send(fine("A", { idempotencyKey: "k" }));
    await at.clock.advance(60_000);
    expect(await ingest.send(fine("A", { idempotencyKey: "k" }))).toEqual({ ...first, repeated: true });
    expect((await problemOf(ingest.send(fine("B", { idempotencyKey: "k" })))).reason).toBe("IDEMPOTENCY_KEY_REUSED");
    expect((await clients(IngestService, "production").send(fine("B", { idempotencyKey: "k" }))).repeated).toBe(false);
  });

  it("takes the key from the header Idempotency-Key where the request has none of its own", async () => {
    const headers = { "Idempotency-Key": "h" };
    const first = await ingest.send(fine("A"), { headers });
    expect(await ingest.send(fine("A", { idempotencyKey: "h" }))).toEqual({ ...first, repeated: true });
    expect((await ingest.send(fine("A", { idempotencyKey: "own" }), { headers })).repeated).toBe(false);
    const problem = await problemOf(ingest.send(fine("A"), { headers: { "Idempotency-Key": "h".repeat(251) } }));
    expect(problem.message).toBe("Idempotency-Key: must be at most 250 characters");
  });

  it.each<[string, Init, string]>([
    ["no recipient", { recipients: [] }, "recipients"],
    ["a recipient who is nobody", { recipients: [{}] }, "recipients[0]"],
    ["a user id with a blank", { recipients: [{ userId: "an n" }] }, "recipients[0].user_id"],
    ["a user id like those of bare addresses", { recipients: [{ userId: "~ann" }] }, "recipients[0].user_id"],
    ["a bad address", { recipients: [{ email: "ann@-b-.test" }] }, "recipients[0].email"],
    ["a line break in an address", { recipients: [{ email: "ann@example.test\r\nBcc: bo@example.test" }] }, "recipients[0].email"],
    ["no words", { content: {} }, "content"],
    ["a line break in the title", { content: { title: "Paid\r\nBcc: all@example.test" } }, "content.title"],
    ["a title that is too long", { content: { title: "x".repeat(513) } }, "content.title"],
    ["an unknown channel", { channels: [99 as Channel] }, "channels[0]"],
    ["a channel twice", { channels: [Channel.WEB, Channel.WEB] }, "channels"],
    ["an event type that is no word", { eventType: "<script>" }, "event_type"],
    ["a category that is too long", { category: "x".repeat(65) }, "category"],
    ["a tenant with a line break", { tenant: "a\nb" }, "tenant"],
    ["a tenant that is too long", { tenant: "x".repeat(129) }, "tenant"],
    ["a key that is too long", { idempotencyKey: "x".repeat(256) }, "idempotency_key"],
    ["an expiry that is over", { expiresAt: timestampFromMs(1_600_000_000_000) }, "expires_at"],
  ])("refuses %s, naming the field, and keeps nothing", async (_what, init, field) => {
    const problem = await problemOf(ingest.send(fine("A", init)));
    expect([problem.reason, problem.violations.map((each) => each.field)]).toEqual(["INVALID_REQUEST", [field]]);
    expect(await appended()).toEqual([]);
  });

  it("says unavailable while the log takes nothing, and the key can be used again", async () => {
    logIsAway = true;
    expect(await problemOf(ingest.send(fine("A", { idempotencyKey: "k" })))).toMatchObject({
      reason: "LOG_UNAVAILABLE",
      retryAfterMs: 1_000,
    });
    logIsAway = false;
    expect((await ingest.send(fine("A", { idempotencyKey: "k" }))).repeated).toBe(false);
    expect(await appended()).toEqual(["A"]);
  });
});

describe("while the log does not answer", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["Send", () => ingest.send(fine("A", { idempotencyKey: "a" }))],
    ["SendBatch", () => ingest.sendBatch({ notifications: [fine("A", { idempotencyKey: "a" }), fine("B", { idempotencyKey: "b" })] })],
  ])("%s hears so before its call's time is over, and a repeat with its key is answered once the log is", async (_, call) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    silence = promise;
    const problem = problemOf(call());
    await vi.waitFor(() => expect(at.clock.sleepers()).toBeGreaterThan(0), 5_000);
    await vi.waitFor(async () => {
      await at.clock.advance(500);
      expect(await Promise.race([problem, undefined])).toMatchObject({
        reason: "LOG_UNAVAILABLE",
        retryAfterMs: 1_000,
        message: expect.stringContaining("Repeat with the same idempotency key"),
      });
    }, 5_000);
    const again = call();
    resolve();
    await again;
    expect(new Set(await appended()).has("A")).toBe(true);
    expect(appends).toBe(1);
  });

  it("a request that would be refused anyway is told what is wrong with it", async () => {
    silence = new Promise(() => {});
    expect((await problemOf(ingest.send(fine("", { recipients: [] })))).reason).toBe("INVALID_REQUEST");
  });
});

describe("SendBatch", () => {
  it("answers each in its place: a bad one does not harm the others", async () => {
    await ingest.send(fine("Before", { idempotencyKey: "k" }));
    const answer = await ingest.sendBatch({
      notifications: [
        fine("A"),
        { content: { title: "Nobody" } },
        fine("B", { metadata: { a: Number.NaN }, idempotencyKey: "nan" }),
        fine("C", { idempotencyKey: "k" }),
        fine("D", { expiresAt: timestampFromMs(5) }),
        fine("E", { content: { body: "x".repeat(262_144) } }),
        fine("Before", { idempotencyKey: "k" }),
        fine("F"),
      ],
    });
    expect(cases(answer)).toEqual(["accepted", "error", "error", "error", "error", "error", "accepted", "accepted"]);
    expect([1, 2, 3, 4, 5].map((index) => errorAt(answer, index).reason)).toEqual([
      ...["INVALID_REQUEST", "INVALID_REQUEST", "IDEMPOTENCY_KEY_REUSED", "INVALID_REQUEST", "NOTIFICATION_TOO_LARGE"],
    ]);
    expect(errorAt(answer, 1)).toMatchObject({ code: Code.InvalidArgument, violations: [{ field: "recipients" }] });
    expect(errorAt(answer, 2).violations).toMatchObject([{ field: "metadata", description: "must hold finite numbers only" }]);
    expect(answer.results[6]?.result.value).toMatchObject({ repeated: true });
    expect(await appended()).toEqual(["A", "Before", "F"]);
  });

  it("is repeated as a whole by the header Idempotency-Key", async () => {
    const headers = { "Idempotency-Key": "batch" };
    const ids = async (...titles: string[]) =>
      (await ingest.sendBatch({ notifications: titles.map((title) => fine(title)) }, { headers })).results.map(({ result }) =>
        result.case === "accepted" ? result.value.notificationId : (result.value as SendError).reason,
      );
    const first = await ids("A", "B");
    expect(new Set(first).size).toBe(2);
    expect(await ids("A", "B")).toEqual(first);
    expect(await ids("A", "Other")).toEqual([first[0], "IDEMPOTENCY_KEY_REUSED"]);
    expect(await appended()).toEqual(["A", "B"]);
  });

  it("keeps the order of those that it accepts", async () => {
    const titles = Array.from({ length: 1_000 }, (_, index) => String(index));
    const { results } = await ingest.sendBatch({ notifications: titles.map((title) => fine(title)) });
    const records = (await at.records(topics.raw)).map(({ value }) => fromBinary(NotificationRequestedSchema, value));
    expect(records.map(({ content }) => content?.title)).toEqual(titles);
    expect(results.map(({ result }) => result.case === "accepted" && result.value.notificationId)).toEqual(
      records.map(({ notificationId }) => notificationId),
    );
  });

  it("answers also when all of them are bad", async () => {
    expect(cases(await ingest.sendBatch({ notifications: [{}, {}] }))).toEqual(["error", "error"]);
    expect(await appended()).toEqual([]);
  });

  it.each([0, 1_001])("takes 1 to 1,000, not %d", async (count) => {
    const notifications = Array.from({ length: count }, () => fine("A"));
    expect((await problemOf(ingest.sendBatch({ notifications }))).violations.map(({ field }) => field)).toEqual(["notifications"]);
    expect(await appended()).toEqual([]);
  });

  it("is unavailable as a whole while the log takes nothing, and nothing of it is half accepted", async () => {
    const notifications = [fine("A", { idempotencyKey: "a" }), fine("B", { idempotencyKey: "b" })];
    logIsAway = true;
    expect((await problemOf(ingest.sendBatch({ notifications }))).reason).toBe("LOG_UNAVAILABLE");
    expect(await appended()).toEqual([]);
    logIsAway = false;
    expect(cases(await ingest.sendBatch({ notifications }))).toEqual(["accepted", "accepted"]);
    expect(await appended()).toEqual(["A", "B"]);
  });
});

describe("a large batch", () => {
  const notifications = Array.from({ length: 1_000 }, (_, index) => fine(String(index), { idempotencyKey: `large/${index}` }));

  it("goes into the log in parts; what one of them did not come to, its items hear, and a repeat completes it", async () => {
    takes = (append) => append !== 2;
    const { results } = await ingest.sendBatch({ notifications });
    expect(appends).toBeGreaterThan(3);
    const lost = results.flatMap(({ result }) => (result.case === "error" ? [result.value] : []));
    expect(lost.length).toBeGreaterThan(0);
    expect(await appended()).toHaveLength(1_000 - lost.length);
    for (const error of lost)
      expect(error).toMatchObject({ code: Code.Unavailable, reason: "LOG_UNAVAILABLE", retryDelay: { seconds: 1n } });
    const again = await ingest.sendBatch({ notifications });
    expect(again.results.filter(({ result }) => result.case === "accepted" && !result.value.repeated)).toHaveLength(lost.length);
    expect(new Set(await appended()).size).toBe(1_000);
  });

  it("is unavailable as a whole when the log takes none of it", async () => {
    takes = () => false;
    expect(await problemOf(ingest.sendBatch({ notifications }))).toMatchObject({ reason: "LOG_UNAVAILABLE", retryAfterMs: 1_000 });
    expect(await appended()).toEqual([]);
  });

  it("may be of several tenants, each with its answer in its place", async () => {
    const mixed = notifications.map((each, index) => ({ ...each, tenant: `tenant-${index % 3}` }) as Init);
    const { results } = await ingest.sendBatch({ notifications: mixed });
    const ids = new Map(
      (await at.records(topics.raw)).map(({ value }) => {
        const { content, notificationId } = fromBinary(NotificationRequestedSchema, value);
        return [content?.title, notificationId];
      }),
    );
    expect(results.map(({ result }) => result.case === "accepted" && result.value.notificationId)).toEqual(
      mixed.map((_, index) => ids.get(String(index))),
    );
  });
});

describe("POST /notify", () => {
  const notify = (body: unknown, headers = {}) => {
    const route = parts.routes?.find(({ path }) => path === "/notify") as Route;
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    return route.handle({ body: bytes, environment: "development", headers: new Headers(headers), baseUrl: "" } as HttpRequest);
  };

  it("puts all destinations' notifications into the log by one append, or none of them", async () => {
    expect(await notify({ message: "Hello" })).toMatchObject({ status: 202 });
    expect([appends, await appended()]).toEqual([1, ["Broadcast", "Broadcast"]]);
    takes = () => false;
    await expect(notify({ message: "Hello" })).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE", retryAfterMs: 1_000 });
    expect(await appended()).toEqual(["Broadcast", "Broadcast"]);
  });

  it("is repeated as a whole by its key", async () => {
    const key = { "idempotency-key": "once" };
    expect(await notify({ message: "Hello" }, key)).toEqual(await notify({ message: "Hello" }, key));
    expect(await appended()).toHaveLength(2);
    await expect(notify({ message: "Other" }, key)).rejects.toMatchObject({ reason: "IDEMPOTENCY_KEY_REUSED" });
  });
});

describe("GetAccepted", () => {
  it("answers what was acknowledged, of a batch with and without keys as well", async () => {
    const { results } = await ingest.sendBatch({ notifications: [fine("A"), fine("B", { idempotencyKey: "k" })] });
    for (const [index, title] of ["A", "B"].entries()) {
      const { notificationId } = (results[index] as SendResult).result.value as SendResponse;
      const { requested } = await vi.waitFor(() => ingest.getAccepted({ notificationId }), 5_000);
      expect(fromBinary(NotificationRequestedSchema, requested)).toMatchObject({ notificationId, content: { title } });
    }
  });

  it("says not found of what it does not know, what another environment sent, and what is not in the log", async () => {
    const { notificationId } = await ingest.send(fine("A", { idempotencyKey: "k" }));
    expect((await problemOf(ingest.getAccepted({ notificationId: UNKNOWN_ID }))).reason).toBe("NOT_FOUND");
    expect((await problemOf(clients(IngestService, "production").getAccepted({ notificationId }))).reason).toBe("NOT_FOUND");
    logIsAway = true;
    await problemOf(clients(IngestService, "production").send(fine("A", { idempotencyKey: "k" })));
    const reserved = uuidv5(notificationName("production", "k"));
    expect(await reservations.get("production", reserved)).toMatchObject({ accepted: false });
    expect((await problemOf(clients(IngestService, "production").getAccepted({ notificationId: reserved }))).reason).toBe("NOT_FOUND");
  });
});

it("forgets keys after 24 hours, and not before", async () => {
  const send = (title: string) => ingest.send(fine(title, { idempotencyKey: "k" }));
  await send("A");
  const others = at.clock.sleepers();
  const stop = new AbortController();
  const running = parts.tasks?.map((task) => task.run(stop.signal));
  const isAsleep = () => vi.waitFor(() => expect(at.clock.sleepers()).toBe(others + 1), 5_000);
  await isAsleep();
  await at.clock.advance(24 * HOUR_MS);
  await isAsleep();
  expect((await problemOf(send("B"))).reason).toBe("IDEMPOTENCY_KEY_REUSED");
  await at.clock.advance(60_000);
  await isAsleep();
  expect((await send("B")).repeated).toBe(false);
  stop.abort();
  await Promise.all(running ?? []);
});
