import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { deliveryName, notificationEventName, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import {
  type Delivery,
  DeliveryEventSchema,
  DeliverySchema,
  Moment,
  type NotificationPrioritized,
  NotificationPrioritizedSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { noErasing } from "../../test/fakes/erasing.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { sqliteCategoryStore } from "../preferences/categories.sqlite.ts";
import { preferencesService } from "../preferences/service.ts";
import { sqlitePreferenceStore } from "../preferences/store.sqlite.ts";
import type { PreferenceStore } from "../preferences/store.ts";
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
  let clients: Clients;
  let people: Client<typeof PreferencesService>;
  /** Thrown by every read of preferences, as long as it is set. */
  let trouble: unknown;
  let asked: string[][];

  beforeEach(async () => {
    at = trial(topics.all);
    folder = mkdtempSync(join(tmpdir(), "carillon-dispatcher-"));
    database = await openDatabase({ file: join(folder, "carillon.sqlite") });
    const store = await sqlitePreferenceStore(database);
    const more = { suppressions: await sqliteSuppressionStore(database), categories: await sqliteCategoryStore(database) };
    trouble = undefined;
    asked = [];
    const spoilt: PreferenceStore = {
      ...store,
      async findOrCreate(environment, userIds, nowMs) {
        if (trouble !== undefined) throw trouble;
        asked.push(userIds.map((userId) => `${environment}/${userId}`));
        return store.findOrCreate(environment, userIds, nowMs);
      },
    };
    const { clock, metrics, logger } = at;
    ledger = memoryLedger({ clock });
    const rpc = [
      (router: ConnectRouter) =>
        router.service(PreferencesService, preferencesService({ people: spoilt, ...more, erase: noErasing, ledger, clock })),
    ];
    clients = createClients({ rpc: () => rpc, clock, metrics, logger });
    people = clients(PreferencesService, "development");
    await people.upsertPerson({ userId: "ann", email: "ann@example.test" });
  });
  afterEach(async () => {
    await at.end();
    await database.close();
    rmSync(folder, { recursive: true });
  });

  const prioritized = (init: Init = {}): NotificationPrioritized =>
    create(NotificationPrioritizedSchema, {
      ...{ notificationId: ID, environment: "development", userId: "ann", eventType: "post.liked", category: "post" },
      priority: Priority.MEDIUM,
      acceptedAtMs: BigInt(at.clock.nowMs()),
      expiresAtMs: BigInt(at.clock.nowMs() + DAY_MS),
      content: toBinary(ContentSchema, create(ContentSchema, { title: "Liked" })),
      ...init,
    });
  const put = (inits: readonly Init[], lane: topics.Topic = topics.medium) =>
    at.log.append(
      inits.map(prioritized).map((value) => ({
        topic: lane,
        key: recipientKey(value.environment, recipientWord(value, uuidv5)),
        value: toBinary(NotificationPrioritizedSchema, value),
      })),
    );
  const start = (more: { ledger?: Ledger; name?: string } = {}) => {
    const { name = "dispatcher", ...needs } = more;
    return at.run({ ...dispatcher({ client: clients, ledger, clock: at.clock, logger: at.logger, ...needs }), name });
  };
  const settled = (name = "dispatcher") => vi.waitFor(async () => expect(await at.log.lag(name, lanes)).toBe(0));
  const dispatch = async (init: Init = {}, lane: topics.Topic = topics.medium) => {
    await put([init], lane);
    await start();
    await settled();
  };

  const eventRecords = () => at.records(topics.deliveryEvents);
  const events = async () => (await eventRecords()).map(({ value }) => fromBinary(DeliveryEventSchema, value));
  const decisions = async () =>
    (await events()).flatMap(({ decisions }) => decisions.map(({ channel, send, reasons }) => [channel, send, ...reasons]));
  const emailTopics = [topics.email.high, topics.email.medium, topics.email.low];
  const deliveryRecords = async () => (await Promise.all([...emailTopics, topics.web].map((topic) => at.records(topic)))).flat();
  const deliveries = async (): Promise<Delivery[]> => (await deliveryRecords()).map(({ value }) => fromBinary(DeliverySchema, value));
  const sent = async () => (await deliveries()).map(({ userId, channel, target }) => [userId, channel, target]);
  const buried = async () => (await at.records(topics.deadNotifications)).length;

  describe("deciding", () => {
    it("logs what it queues and what it decides against, by ids and codes only", async () => {
      await people.setCategoryPreference({ userId: "ann", preference: { category: "post", muted: true } });
      await put([{}, { notificationId: "0192f0c1-2345-7abc-8def-0123456789ac", category: "other", channels: [EMAIL] }]);
      await start();
      await settled();
      const told = at.lines.filter(({ msg }) => msg.startsWith("delivery "));
      expect(told.map(({ msg, channel, reason }) => [msg, channel, reason])).toEqual(
        expect.arrayContaining([
          ["delivery skipped", "email", "category_muted"],
          ["delivery skipped", "web", "category_muted"],
          ["delivery queued", undefined, undefined],
        ]),
      );
      expect(told).toHaveLength(3);
      expect(JSON.stringify(told)).not.toMatch(/"ann|Liked/);
    });

    it("sends to every channel that a person can be reached on, with ids that derive, under the key of the person", async () => {
      await dispatch();
      expect(await deliveries()).toEqual(
        [EMAIL, WEB].map((channel) =>
          create(DeliverySchema, {
            deliveryId: uuidv5(deliveryName(ID, "ann", channel === EMAIL ? "email" : "web", 0)),
            ...{ notificationId: ID, environment: "development", userId: "ann", channel, cycle: 1 },
            ...{
              target: channel === EMAIL ? "ann@example.test" : "",
              priority: Priority.MEDIUM,
              eventType: "post.liked",
              category: "post",
            },
            acceptedAtMs: BigInt(at.clock.nowMs()),
            expiresAtMs: BigInt(at.clock.nowMs() + DAY_MS),
            content: prioritized().content,
          }),
        ),
      );
      for (const { key } of [...(await deliveryRecords()), ...(await eventRecords())]) expect(key).toBe("development/ann");
    });

    it("tells the tracker the decision and nothing else: what is sent is queued by it", async () => {
      await dispatch();
      expect(await events()).toEqual([
        create(DeliveryEventSchema, {
          acceptedAtMs: BigInt(at.clock.nowMs()),
          eventId: uuidv5(notificationEventName(ID, "ann", "decided")),
          moment: Moment.DECIDED,
          ...{ notificationId: ID, environment: "development", userId: "ann", atMs: BigInt(at.clock.nowMs()) },
          decisions: (await deliveries()).map(({ channel, deliveryId, target }) => ({
            ...{ channel, deliveryId, target, send: true, reasons: ["channel_default"] },
          })),
        }),
      ]);
    });

    it("logs each delivery that it queues, by its ids and nothing of the person's", async () => {
      await dispatch();
      const queued = at.lines.filter(({ msg }) => msg === "delivery queued");
      const ids = (await deliveries()).map(({ deliveryId }) => ({ level: 30, notificationId: ID, deliveryId }));
      expect(queued).toEqual(ids.map((each) => expect.objectContaining(each)));
      expect(JSON.stringify(queued)).not.toMatch(/"ann|Liked/);
    });

    it("creates a person who is not known with the defaults, and says that no address is", async () => {
      await dispatch({ userId: "new" });
      expect(await sent()).toEqual([["new", WEB, ""]]);
      expect(await decisions()).toEqual([
        [EMAIL, false, "no_email_address"],
        [WEB, true, "channel_default"],
      ]);
      expect((await people.getPerson({ userId: "new" })).person).toMatchObject({ userId: "new", email: "" });
    });

    it("skips what the person muted, and records the reason for every channel", async () => {
      await people.setCategoryPreference({ userId: "ann", preference: { category: "post", muted: true } });
      await dispatch();
      expect(await sent()).toEqual([]);
      expect(await decisions()).toEqual([
        [EMAIL, false, "category_muted"],
        [WEB, false, "category_muted"],
      ]);
      expect(at.lines.filter(({ msg }) => msg === "delivery queued")).toEqual([]);
    });

    it("lets a critical one pass a mute", async () => {
      await people.setCategoryPreference({ userId: "ann", preference: { category: "*", muted: true } });
      await dispatch({ priority: Priority.CRITICAL }, topics.high);
      expect(await decisions()).toEqual([
        [EMAIL, true, "channel_default", "critical_passes_mute"],
        [WEB, true, "channel_default", "critical_passes_mute"],
      ]);
    });

    it("uses the channels that the sender names, and no others", async () => {
      await dispatch({ channels: [WEB] });
      expect(await sent()).toEqual([["ann", WEB, ""]]);
      expect(await decisions()).toEqual([
        [EMAIL, false, "not_requested"],
        [WEB, true, "channel_requested"],
      ]);
    });

    it("uses the channels that the person chose, and no others", async () => {
      await people.setCategoryPreference({ userId: "ann", preference: { category: "post", channels: [EMAIL] } });
      await dispatch();
      expect(await decisions()).toEqual([
        [EMAIL, true, "channel_preferred"],
        [WEB, false, "not_preferred"],
      ]);
    });

    it("sends nothing that has expired, nor to whoever caused it", async () => {
      await put([{ expiresAtMs: BigInt(at.clock.nowMs()) }, { notificationId: "another", actor: "ann" }]);
      await start();
      await settled();
      expect(await sent()).toEqual([]);
      const reasons = [...(await decisions())].map(([, , reason]) => reason);
      expect(reasons).toEqual(["expired", "expired", "own_act", "own_act"]);
    });

    it("sends to a bare address by email only, under the address's word, and asks nobody about it", async () => {
      await dispatch({ userId: "", email: "cy@example.test" });
      const word = recipientWord({ userId: "", email: "cy@example.test" }, uuidv5);
      expect(await sent()).toEqual([["", EMAIL, "cy@example.test"]]);
      expect((await deliveryRecords()).map(({ key }) => key)).toEqual([`development/${word}`]);
      expect((await deliveries())[0]?.deliveryId).toBe(uuidv5(deliveryName(ID, word, "email", 0)));
      expect((await events())[0]).toMatchObject({ userId: "", eventId: uuidv5(notificationEventName(ID, word, "decided")) });
      expect(asked).toEqual([]);
    });

    it("uses a one-time address in place of the person's own, and keeps theirs as it is", async () => {
      await dispatch({ email: "once@example.test", channels: [EMAIL] });
      expect(await sent()).toEqual([["ann", EMAIL, "once@example.test"]]);
      expect((await people.getPerson({ userId: "ann" })).person?.email).toBe("ann@example.test");
    });

    it.each([
      [Priority.CRITICAL, topics.email.high],
      [Priority.HIGH, topics.email.high],
      [Priority.MEDIUM, topics.email.medium],
      [Priority.UNSPECIFIED, topics.email.medium],
      [Priority.LOW, topics.email.low],
    ])("keeps priority %d in the lane of the channel", async (priority, lane) => {
      await dispatch({ priority });
      for (const each of emailTopics) expect(await at.records(each)).toHaveLength(each === lane ? 1 : 0);
      expect(await at.records(topics.web)).toHaveLength(1);
    });
  });

  describe("asking about people", () => {
    it("asks once about everybody of a batch, each environment by itself", async () => {
      await put([
        ...Array.from({ length: 40 }, (_, n) => ({ notificationId: `n-${n}`, userId: `user-${n % 4}` })),
        { notificationId: "elsewhere", userId: "user-0", environment: "staging" },
      ]);
      await clients(PreferencesService, "staging").upsertPerson({ userId: "user-0", email: "staging@example.test" });
      await start();
      await settled();
      const all = asked.flat();
      expect(new Set(all)).toEqual(
        new Set(["development/user-0", "development/user-1", "development/user-2", "development/user-3", "staging/user-0"]),
      );
      expect(all.length).toBeLessThan(40);
      for (const each of asked) expect(new Set(each.map((word) => word.split("/")[0])).size).toBe(1);
      expect((await deliveries()).filter(({ target }) => target === "staging@example.test").map(({ environment }) => environment)).toEqual([
        "staging",
      ]);
    });

    it.each([
      ["says it is unavailable", () => new Problem("DRAINING")],
      ["fails on its disk", () => Object.assign(new Error("database or disk is full"), { errcode: 13 })],
    ])("waits as long as preferences are away, and loses and repeats nothing: it %s", async (_, why) => {
      trouble = why();
      await put(Array.from({ length: 30 }, (_, n) => ({ notificationId: `n-${n}`, userId: `user-${n % 7}` })));
      await start();
      for (let minutes = 0; minutes < 30; minutes++) await at.clock.advance(60_000);
      expect([await deliveries(), await events(), await buried()]).toEqual([[], [], 0]);
      trouble = undefined;
      await vi.waitFor(async () => {
        await at.clock.advance(5_000);
        expect(await at.log.lag("dispatcher", lanes)).toBe(0);
      });
      expect(await deliveries()).toHaveLength(30);
      expect(await events()).toHaveLength(30);
      expect(await buried()).toBe(0);
    });
  });

  describe("failing every time", () => {
    it.each([
      ["a person", { userId: "ann", email: "once@example.test" }, "ann", ""],
      ["a bare address", { userId: "", email: "cy@example.test" }, "", "cy@example.test"],
    ])("refuses the notification for the recipient, %s, with the dead letter", async (_, recipient, userId, target) => {
      const spoilt = { ...ledger, decideOnce: async () => Promise.reject(new TypeError("undefined is not a function")) };
      await put([recipient]);
      await start({ ledger: spoilt });
      await vi.waitFor(async () => {
        await at.clock.advance(10_000);
        expect(await buried()).toBe(1);
      });
      const word = recipientWord(recipient, uuidv5);
      expect(await events()).toMatchObject([
        {
          ...{ moment: Moment.REFUSED, notificationId: ID, environment: "development", userId, target },
          ...{ eventId: uuidv5(notificationEventName(ID, word, "refused")), reason: "stage_failed", detail: "undefined is not a function" },
        },
      ]);
      expect((await eventRecords()).map(({ key }) => key)).toEqual([recipientKey("development", word)]);
    });

    it("only buries what it cannot read", async () => {
      await at.log.append([{ topic: topics.medium, key: "development/ann", value: Uint8Array.of(0xff) }]);
      await start();
      await vi.waitFor(async () => expect(await buried()).toBe(1));
      expect(await events()).toEqual([]);
    });
  });

  describe("seeing a record again", () => {
    const everything = async () =>
      [...(await deliveryRecords()), ...(await eventRecords())].map(
        ({ topic, key, value }) => `${topic.name} ${key} ${Buffer.from(value).toString("hex")}`,
      );

    it("carries out the recorded decision, byte for byte, whatever the person has chosen since", async () => {
      await dispatch();
      const before = await everything();
      await people.setCategoryPreference({ userId: "ann", preference: { category: "*", muted: true } });
      await people.upsertPerson({ userId: "ann", email: "moved@example.test" });
      await at.clock.advance(2 * DAY_MS);
      await start({ name: "again" });
      await settled("again");
      expect((await everything()).sort()).toEqual([...before, ...before].sort());
    });

    it("stays silent about what it was silent about", async () => {
      await people.setCategoryPreference({ userId: "ann", preference: { category: "post", muted: true } });
      await dispatch();
      await people.setCategoryPreference({ userId: "ann", preference: { category: "post", muted: false } });
      await start({ name: "again" });
      await settled("again");
      expect(await deliveries()).toEqual([]);
      expect((await decisions()).every(([, send, reason]) => send === false && reason === "category_muted")).toBe(true);
    });

    it("decides once for two records of the same notification and person in one batch, and for each person by themselves", async () => {
      await put([{}, { userId: "bo" }, {}]);
      await start();
      await settled();
      const ids = (await deliveries()).filter(({ channel }) => channel === WEB).map(({ deliveryId }) => deliveryId);
      expect(ids).toHaveLength(3);
      expect(new Set(ids)).toEqual(new Set(["ann", "bo"].map((person) => uuidv5(deliveryName(ID, person, "web", 0)))));
    });

    it("emits nothing that it could not record", async () => {
      let refusals = 3;
      const failing: Ledger = {
        ...ledger,
        async decideOnce(drafts) {
          if (refusals-- > 0) throw Object.assign(new Error("the ledger is away"), { code: "ECONNREFUSED" });
          return ledger.decideOnce(drafts);
        },
      };
      await put([{}]);
      await start({ ledger: failing });
      await vi.waitFor(() => expect(refusals).toBe(2));
      expect([await deliveries(), await events()]).toEqual([[], []]);
      await vi.waitFor(async () => {
        await at.clock.advance(1_000);
        expect(await at.log.lag("dispatcher", lanes)).toBe(0);
      });
      expect(await deliveries()).toHaveLength(2);
    });
  });
});
