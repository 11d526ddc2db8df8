/** A place to try dead letters in: their stage, service and replays on SQLite, with the people they are for, and a clock that the test moves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { vi } from "vitest";
import type { Reason } from "#domain/reasons.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import { type DeadLetter, DeadLettersService } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { EventLog } from "#platform/log/log.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import { deadLetter } from "#platform/stage/bury.ts";
import type { Because } from "#platform/stage/stage.ts";
import { doorOf } from "../../test/fakes/door.ts";
import { noErasing } from "../../test/fakes/erasing.ts";
import { trial } from "../../test/fakes/stage.ts";
import { sqliteCategoryStore } from "../preferences/categories.sqlite.ts";
import { preferencesService } from "../preferences/service.ts";
import { sqlitePreferenceStore } from "../preferences/store.sqlite.ts";
import { sqliteSuppressionStore } from "../preferences/suppressions.sqlite.ts";
import { letterMetrics } from "./metrics.ts";
import { puttingBack } from "./put-back.ts";
import { type Replaying, replaying } from "./replaying.ts";
import { deadLettersService } from "./service.ts";
import { deadLettersStage } from "./stage.ts";
import { sqliteDeadLetterStore } from "./store.sqlite.ts";

export const NOTIFICATION = "0192f0c1-2345-7abc-8def-0123456789ab";
export const DELIVERY = "0192f0c1-2345-5abc-8def-0123456789ac";
export const SECRET = "a secret of at least 32 characters";
export const DAY_MS = 24 * 3_600_000;
export const further = topics.furtherRaw("events");

export const encoded = <D extends DescMessage>(schema: D, init: MessageInitShape<D>) => toBinary(schema, create(schema, init));

export async function letterTrial() {
  const at = trial([...topics.all, further]);
  const folder = mkdtempSync(join(tmpdir(), "carillon-deadletters-"));
  const database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  const store = await sqliteDeadLetterStore(database);
  const preferences = await sqlitePreferenceStore(database);
  const suppressions = await sqliteSuppressionStore(database);
  const categories = await sqliteCategoryStore(database);
  const door = doorOf({ "service-secret": SECRET, "raw-topics": [{ topic: further, environment: undefined }] });
  const { clock, metrics, logger } = at;
  const ledger = memoryLedger({ clock });
  /** What a test may put in place of the log's own. */
  const log: Pick<EventLog, "append"> = { append: at.log.append };
  const counted = letterMetrics(metrics);
  let known: Clients | undefined;
  const clients: Clients = (...asked) => (known as Clients)(...asked);
  const putBack = puttingBack({ log: { ...at.log, append: (outputs) => log.append(outputs) }, ledger, clock, client: clients, door });
  const begun: { readonly ends: AbortController; readonly running: Promise<void> }[] = [];
  const workers: Replaying[] = [];

  const rpc = [
    (router: ConnectRouter) =>
      router.service(
        PreferencesService,
        preferencesService({ people: preferences, categories, suppressions, erase: noErasing, ledger, clock }),
      ),
    (router: ConnectRouter) => {
      const created = () => {
        for (const each of workers) each.wake();
      };
      router.service(DeadLettersService, deadLettersService(store, { clock, logger, door, putBack, metrics: counted, created }));
    },
  ];
  known = createClients({ rpc: () => rpc, clock, metrics, logger });
  const letters = clients(DeadLettersService, "development");
  await at.run(deadLettersStage(store, door));

  const delivery = (more: MessageInitShape<typeof DeliverySchema> = {}) =>
    encoded(DeliverySchema, {
      ...{ deliveryId: DELIVERY, notificationId: NOTIFICATION, environment: "development", userId: "ann", channel: Channel.EMAIL },
      ...{ target: "ann@example.test", category: "offers", cycle: 1, attempt: 3, wait: 2 },
      expiresAtMs: BigInt(clock.nowMs() + DAY_MS),
      content: encoded(ContentSchema, { title: "Half price" }),
      ...more,
    });

  return {
    ...{ at, store, log, ledger, clients, letters, delivery },
    people: clients(PreferencesService, "development"),

    /** Gives up on a record of this topic, and answers the dead letter that is kept then. */
    async bury(
      topic: topics.Topic,
      record: { key: string; value: Uint8Array; headers?: Record<string, string>; timeMs?: number },
      reason: Reason,
      { its = letters, because = { detail: "why" } }: { its?: typeof letters; because?: Because } = {},
    ): Promise<DeadLetter> {
      await clock.advance(1);
      const place = { topic, partition: 0, offset: clock.nowMs() };
      const burial = { stage: "email-workers", deadLetters: topics.deadEmail, reason, ...because, atMs: clock.nowMs() };
      await at.log.append([deadLetter({ headers: {}, timeMs: clock.nowMs(), ...record, ...place }, burial)]);
      return vi.waitFor(async () => {
        const [newest] = (await its.listDeadLetters({})).deadLetters;
        if (Number(newest?.diedAtMs) !== burial.atMs) throw new Error("not kept yet");
        return newest as DeadLetter;
      }, 5_000);
    },

    /** A worker that carries out replays, until it is told to end. */
    work(name = "w-1"): () => Promise<void> {
      const worker = replaying({ store, putBack, clock, logger, worker: name, metrics: counted });
      const ends = new AbortController();
      const running = worker.task.run(ends.signal);
      workers.push(worker);
      begun.push({ ends, running });
      return () => {
        ends.abort();
        return running;
      };
    },

    /** Of the deliveries that came back to their lane. */
    async cycles(): Promise<number[]> {
      const again = await at.records(topics.email.medium);
      return again.map(({ value }) => fromBinary(DeliverySchema, value).cycle);
    },

    async end(): Promise<void> {
      for (const { ends } of begun) ends.abort();
      await Promise.all(begun.map(({ running }) => running));
      await at.end();
      await database.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export type LetterTrial = Awaited<ReturnType<typeof letterTrial>>;
