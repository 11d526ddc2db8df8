/** The tracker's service and stage over a store of their own, beside an ingest that knows what a test says it acknowledged. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import pino from "pino";
import { Registry } from "prom-client";
import { expect } from "vitest";
import { Problem } from "#domain/errors.ts";
import { deliveryEvents } from "#domain/topics.ts";
import {
  type DeliveryEvent,
  DeliveryEventSchema,
  type NotificationRequested,
  NotificationRequestedSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { type Clock, systemClock } from "#platform/clock.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import type { Fanout } from "#platform/fanout/fanout.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import { trackerService } from "./service.ts";
import { trackerStage } from "./stage.ts";
import { sqliteHistoryStore } from "./store.sqlite.ts";
import type { HistoryStore } from "./store.ts";

export interface TrackerRoom {
  readonly store: HistoryStore;
  readonly fanout: Fanout;
  readonly ledger: Ledger;
  readonly clients: Clients;
  /** In the environment "development". */
  readonly tracker: Client<typeof TrackerService>;
  /** What ingest acknowledged, by `environment/id`. */
  readonly acknowledged: Map<string, NotificationRequested>;
  ingestIsUp: boolean;
  /** Has the stage handle a batch of these. */
  record(events: readonly DeliveryEvent[]): Promise<void>;
  close(): Promise<void>;
}

interface Options {
  readonly clock?: Clock;
  readonly mostWatchers?: number;
  /** Puts something of the test's own around the store. */
  readonly around?: (store: HistoryStore) => HistoryStore;
}

export async function openTrackerRoom({ clock = systemClock, mostWatchers = 10, around }: Options = {}): Promise<TrackerRoom> {
  const folder = mkdtempSync(join(tmpdir(), "carillon-tracker-"));
  const database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  const plain = await sqliteHistoryStore(database);
  const store = around?.(plain) ?? plain;
  const fanout = memoryFanout();
  const ledger = memoryLedger({ clock });
  const acknowledged = new Map<string, NotificationRequested>();
  const routes = (router: ConnectRouter) => {
    const client: Clients = (service, environment) => clients(service, environment);
    router.service(TrackerService, trackerService(store, { client, fanout, clock, ledger }, { mostWatchers }));
    router.service(IngestService, {
      getAccepted({ notificationId }, context) {
        if (!room.ingestIsUp) throw new Problem("LOG_UNAVAILABLE");
        const requested = acknowledged.get(`${principalOf(context).environment}/${notificationId}`);
        if (!requested) throw new Problem("NOT_FOUND");
        return { requested: toBinary(NotificationRequestedSchema, requested) };
      },
    });
  };
  const clients = createClients({ rpc: () => [routes], clock, logger: pino({ level: "silent" }), metrics: new Registry() });
  const room: TrackerRoom = {
    ...{ store, fanout, ledger, clients, acknowledged, ingestIsUp: true },
    tracker: clients(TrackerService, "development"),
    record: (events) => handled({ store, fanout, ledger }, events),
    async close() {
      await database.close();
      rmSync(folder, { recursive: true });
    },
  };
  return room;
}

const handled = ({ store, fanout, ledger }: Pick<TrackerRoom, "store" | "fanout" | "ledger">, events: readonly DeliveryEvent[]) =>
  trackerStage(store, fanout, ledger).handle({
    records: events.map((value, offset) => ({
      value,
      record: { topic: deliveryEvents, partition: 0, offset, timeMs: 0, key: "", value: toBinary(DeliveryEventSchema, value), headers: {} },
    })),
    signal: new AbortController().signal,
    done: () => {},
    bury: (_, reason) => expect.fail(reason),
    waiting: () => {},
  });
