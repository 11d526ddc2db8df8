import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { scheduledName } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeliveryEventSchema,
  DeliverySchema,
  type NotificationPrioritized,
  NotificationPrioritizedSchema,
  ScheduledSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { PreferencesService, SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { personReached } from "#platform/ledger/reach.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { noErasing } from "../../test/fakes/erasing.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { sqliteCategoryStore } from "../preferences/categories.sqlite.ts";
import { preferencesService } from "../preferences/service.ts";
import { sqlitePreferenceStore } from "../preferences/store.sqlite.ts";
import { sqliteSuppressionStore } from "../preferences/suppressions.sqlite.ts";
import { dispatcher } from "./stage.ts";

type Init = Exclude<MessageInitShape<typeof NotificationPrioritizedSchema>, NotificationPrioritized>;

const ID = "0192f0c1-2345-7abc-8def-0123456789ab";
const DAY_MS = 24 * 3_600_000;
const lanes = [topics.high, topics.medium, topics.low];
const { EMAIL, WEB } = Channel;

describe("the dispatcher", () => {
  let at: Trial;
  let folder: string;
  let database: Database;
  let ledger: Ledger;
  let client: Clients;
  let people: Client<typeof PreferencesService>;
  let start: (name?: string) => Promise<unknown>;

  beforeEach(async () => {
    at = trial(topics.all);
    folder = mkdtempSync(join(tmpdir(), "carillon-dispatcher-"));
    database = await openDatabase({ file: join(folder, "carillon.sqlite") });
    const store = await sqlitePreferenceStore(database);
    const suppressions = await sqliteSuppressionStore(database);
    const categories = await sqliteCategoryStore(database);
    const { clock, metrics, logger } = at;
    ledger = memoryLedger({ clock });
    const rpc = [
      (router: ConnectRouter) =>
        router.service(
          PreferencesService,
          preferencesService({ people: store, categories, suppressions, erase: noErasing, ledger, clock }),
        ),
    ];
    client = createClients({ rpc: () => rpc, clock, metrics, logger });
    people = client(PreferencesService, "development");
    start = (name = "dispatcher") => at.run({ ...dispatcher({ client, ledger, clock, logger }), name });
    await people.upsertPerson({ userId: "ann", email: "ann@example.test" });
  });
  afterEach(async () => {
    await at.end();
    await database.close();
    rmSync(folder, { recursive: true });
  });

  const content = toBinary(ContentSchema, create(ContentSchema, { title: "Liked" }));
  const put = (init: Init, lane: topics.Topic = topics.medium) => {
    const value = create(NotificationPrioritizedSchema, {
      ...{ notificationId: ID, environment: "development", userId: "ann", eventType: "post.liked", category: "post", content },
      ...{ priority: Priority.MEDIUM, expiresAtMs: BigInt(at.clock.nowMs() + DAY_MS) },
      ...init,
    });
    return at.log.append([{ topic: lane, key: "development/ann", value: toBinary(NotificationPrioritizedSchema, value) }]);
  };
  const settled = (name = "dispatcher") => vi.waitFor(async () => expect(await at.log.lag(name, lanes)).toBe(0));
  const dispatch = async (init: Init = {}, lane: topics.Topic = topics.medium) => {
    await put(init, lane);
    await start();
    await settled();
  };
  const events = async () => (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
  const decisions = async () =>
    (await events()).flatMap(({ decisions }) => decisions.map(({ channel, send, reasons }) => [channel, send, ...reasons]));
  const deliveries = async () =>
    (await Promise.all([topics.email.high, topics.email.medium, topics.email.low, topics.web].map((topic) => at.records(topic))))
      .flat()
      .map(({ value }) => fromBinary(DeliverySchema, value));

  describe("for who is on the suppression list", () => {
    const add = (who: { userId: string } | { channel: Channel; address: string }) =>
      people.addSuppression({ who, reason: SuppressionReason.COMPLAINT });

    it("skips every channel of a person, and says why", async () => {
      await add({ userId: "ann" });
      await dispatch({ priority: Priority.CRITICAL });
      expect(await decisions()).toEqual([
        [EMAIL, false, "suppressed_complaint"],
        [WEB, false, "suppressed_complaint"],
      ]);
      expect(await deliveries()).toEqual([]);
    });

    it("skips the person's own address and a one-time one, in whatever case, and no other channel", async () => {
      await add({ channel: EMAIL, address: "Ann@Example.test" });
      await add({ channel: EMAIL, address: "once@example.test" });
      await put({ email: "ONCE@example.test", notificationId: ID.replace("0192", "0193") });
      await dispatch();
      const skipped = [
        [EMAIL, false, "suppressed_complaint"],
        [WEB, true, "channel_default"],
      ];
      expect(await decisions()).toEqual([...skipped, ...skipped]);
    });

    it("skips a bare address", async () => {
      await add({ channel: EMAIL, address: "bare@example.test" });
      await dispatch({ userId: "", email: "bare@example.test" });
      expect(await decisions()).toEqual([
        [EMAIL, false, "suppressed_complaint"],
        [WEB, false, "no_person"],
      ]);
    });

    it("knows nobody of another environment's list", async () => {
      await client(PreferencesService, "staging").addSuppression({ who: { userId: "ann" }, reason: SuppressionReason.MANUAL });
      await dispatch();
      expect((await decisions()).map(([channel, send]) => [channel, send])).toEqual([
        [EMAIL, true],
        [WEB, true],
      ]);
    });
  });

  it("decides against what was accepted before the person was erased, and does not make them anew", async () => {
    const erased = { environment: "development", whom: personReached("new"), atMs: 5_000, untilMs: 8.64e15 };
    await ledger.erase(erased);
    await put({ userId: "new", acceptedAtMs: 5_000n });
    await dispatch({ userId: "ann", acceptedAtMs: 5_000n, notificationId: ID.replace("0192", "0193"), channels: [WEB] });
    const reasonsOf = async (userId: string) =>
      (await events()).filter((each) => each.userId === userId).flatMap((each) => each.decisions.map(({ reasons }) => reasons.join()));
    expect(await reasonsOf("new")).toEqual(["erased", "erased"]);
    expect(await reasonsOf("ann")).toEqual(["not_requested", "channel_requested"]);
    expect((await people.findPeople({ prefix: "new" })).people).toEqual([]);
    await put({ userId: "new", acceptedAtMs: 5_001n, notificationId: ID.replace("0192", "0194") });
    await settled();
    expect((await people.findPeople({ prefix: "new" })).people).toHaveLength(1);
  });

  describe("in quiet hours", () => {
    /** The clock stands at 22:13:20 UTC. */
    const quiet = () => people.setQuietHours({ userId: "ann", quietHours: { start: "22:00", end: "07:00" }, timeZone: "UTC" });
    const waits = async () => (await at.records(topics.schedule)).map(({ key, value }) => ({ ...fromBinary(ScheduledSchema, value), key }));
    const endMs = BigInt(Date.parse("2023-11-15T07:00:00Z"));

    it("puts the delivery on the schedule for their end, whole and for its own lane, and burns no attempt", async () => {
      await quiet();
      await dispatch({ priority: Priority.LOW });
      expect(await deliveries()).toEqual([]);
      const found = await waits();
      expect(found.map(({ key, topic, dueAtMs }) => [key, topic, dueAtMs])).toEqual([
        ["development/ann", "email-notifications.low", endMs],
        ["development/ann", "web-notifications", endMs],
      ]);
      const [email, web] = found.map(({ value }) => fromBinary(DeliverySchema, value));
      expect(email).toMatchObject({ channel: EMAIL, target: "ann@example.test", cycle: 1, attempt: 0, wait: 1, content });
      expect(found[1]?.id).toBe(uuidv5(scheduledName(web?.deliveryId as string, 1, 0, 1)));
      expect((await events()).flatMap(({ decisions }) => decisions.map(({ reasons, untilMs }) => [...reasons, untilMs]))).toEqual([
        ["channel_default", "quiet_hours", endMs],
        ["channel_default", "quiet_hours", endMs],
      ]);
      expect(at.lines.filter(({ msg }) => msg === "delivery deferred")).toHaveLength(2);
    });

    it("hands the hours on to every try, as they were when it was decided", async () => {
      await people.setQuietHours({ userId: "ann", quietHours: { start: "03:00", end: "04:00", days: [5] }, timeZone: "Europe/Vienna" });
      await dispatch();
      await people.setQuietHours({ userId: "ann" });
      await start("again");
      await settled("again");
      const hours = (await deliveries()).map(({ quietHours, timeZone }) => [
        quietHours?.start,
        quietHours?.end,
        quietHours?.days,
        timeZone,
      ]);
      expect(hours).toEqual(Array(4).fill(["03:00", "04:00", [5], "Europe/Vienna"]));
    });

    it("gives critical no hours to heed", async () => {
      await quiet();
      await dispatch({ priority: Priority.CRITICAL }, topics.high);
      expect((await deliveries()).map(({ quietHours, timeZone }) => [quietHours, timeZone])).toEqual(Array(2).fill([undefined, ""]));
    });

    it("carries out the recorded wait when the record comes again, whatever the person has changed since", async () => {
      await quiet();
      await dispatch();
      await people.setQuietHours({ userId: "ann" });
      await at.clock.advance(DAY_MS);
      await start("again");
      await settled("again");
      const found = await waits();
      expect(found).toHaveLength(4);
      expect(new Set(found.map(({ id }) => id)).size).toBe(2);
      expect(await deliveries()).toEqual([]);
    });

    it("sends a critical one at once, and one that expires before their end not at all", async () => {
      await quiet();
      await dispatch({ priority: Priority.CRITICAL, channels: [WEB] }, topics.high);
      expect((await deliveries()).map(({ channel }) => channel)).toEqual([WEB]);
      await put({ notificationId: "brief", channels: [WEB], expiresAtMs: endMs });
      await settled();
      expect(await decisions()).toContainEqual([WEB, false, "channel_requested", "expires_in_quiet_hours"]);
      expect(await waits()).toEqual([]);
    });
  });

  describe("what has been canceled", () => {
    it("is decided and goes no further: each channel says why", async () => {
      await ledger.cancel({ environment: "development", notificationId: ID, untilMs: Number.MAX_SAFE_INTEGER });
      await dispatch({ channels: [WEB] });
      expect(await deliveries()).toEqual([]);
      expect(await decisions()).toEqual([
        [EMAIL, false, "not_requested"],
        [WEB, false, "channel_requested", "canceled"],
      ]);
    });

    it("between the decision and a repeat of its record goes no further either", async () => {
      await dispatch({ channels: [WEB] });
      expect(await deliveries()).toHaveLength(1);
      await ledger.cancel({ environment: "development", notificationId: ID, untilMs: Number.MAX_SAFE_INTEGER });
      await start("again");
      await settled("again");
      expect(await deliveries()).toHaveLength(1);
    });

    it("in another environment goes its way", async () => {
      await ledger.cancel({ environment: "staging", notificationId: ID, untilMs: Number.MAX_SAFE_INTEGER });
      await dispatch();
      expect(await deliveries()).toHaveLength(2);
    });
  });
});
