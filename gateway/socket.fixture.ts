/** A real gateway to connect to: the platform's server, the inbox on SQLite, the fan-out in memory. Only time stands still. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromJsonString, toBinary } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, vi } from "vitest";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import { type ServerFrame, ServerFrameSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import { InboxService } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import type { Fanout } from "#platform/fanout/fanout.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import { wordsOf } from "#platform/render/content.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { serve } from "#platform/rpc/server.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Received } from "#platform/stage/stage.ts";
import { inboxService } from "../services/inbox/service.ts";
import { inboxStage } from "../services/inbox/stage.ts";
import { sqliteInboxStore } from "../services/inbox/store.sqlite.ts";
import { fakeClock } from "../test/fakes/clock.ts";
import { withoutTemplates } from "../test/fakes/templates.ts";
import { type GatewaySettings, gatewaySocket } from "./socket.ts";
import { mintToken } from "./token.ts";

/** Real input and output take their time, more of it on a busy machine. */
export const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 10 });

const environment = "development";
const secret = new Uint8Array(32).fill(7);
const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

export async function startGateway(settings: Partial<GatewaySettings> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "carillon-gateway-"));
  endings.push(() => rmSync(directory, { recursive: true, force: true }));
  const database = await openDatabase({ file: join(directory, "test.sqlite") });
  endings.push(() => database.close());
  const store = await sqliteInboxStore(database);
  const clock = fakeClock();
  const metrics = new Registry();
  const logger = pino({ level: "silent" });
  const rpc = [(router: ConnectRouter) => void router.service(InboxService, inboxService(store))];
  const { fanout, subscriptions } = counted(memoryFanout());
  const client = createClients({ rpc: () => rpc, logger, metrics, clock });
  const { socket, dismiss, connections } = gatewaySocket(
    { clock, fanout, client, logger },
    { secret: () => secret, heartbeatMs: 30_000, perUser: 20, perAddress: 200, origins: [], ...settings },
  );
  const server = await serve({
    ...{ ports: [0], host: "127.0.0.1", rpc: [], routes: [], sockets: [socket], developmentHosts: true, trustProxy: false },
    authenticate: () => ({ environment, internal: false, scopes: [Scope.ADMIN] }),
    ready: () => ({ ok: true, why: [] }),
    ...{ logger, metrics, clock },
  });
  endings.push(() => server.close());
  const ledger = memoryLedger({ clock });
  const stage = inboxStage(store, { clock, fanout, logger, metrics, ledger, worker: "w-1", wordsOf: wordsOf(withoutTemplates(clock)) });
  let published = 0;
  const port = server.ports[0] as number;
  return {
    ...{ clock, port, dismiss, connections, subscriptions, url: `ws://127.0.0.1:${port}/ws` },
    token: (userId = "ann", nowMs = clock.nowMs()) => mintToken(secret, { userId, environment, nowMs }),
    /** Puts messages into a person's inbox the way deliveries do. */
    async publish(titles: readonly string[], { userId = "ann", body = "" } = {}): Promise<void> {
      const records = titles.map((title): Received<Delivery> => {
        const id = `n${++published}`;
        const content = toBinary(ContentSchema, create(ContentSchema, { title, body }));
        const value = create(DeliverySchema, { environment, userId, deliveryId: id, notificationId: id, content, expiresAtMs: 2n ** 50n });
        return { record: {} as Received<Delivery>["record"], value };
      });
      await stage.handle({ records, signal: new AbortController().signal, done() {}, bury() {}, waiting() {} });
    },
  };
}

/** Counts who listens. */
function counted(fanout: Fanout): { fanout: Fanout; subscriptions: () => number } {
  let listening = 0;
  return {
    subscriptions: () => listening,
    fanout: {
      publish: (channel, message) => fanout.publish(channel, message),
      async subscribe(channel, listener, missed) {
        const subscription = await fanout.subscribe(channel, listener, missed);
        listening++;
        return {
          end() {
            listening--;
            subscription.end();
          },
        };
      },
    },
  };
}

/** A browser's WebSocket, and what it has seen. */
export class Visitor {
  readonly socket: WebSocket;
  readonly frames: ServerFrame["frame"][] = [];
  isRefused = false;
  code: number | undefined;

  constructor(url: string, hello?: { token: string; cursor?: string; lastNotificationId?: string }) {
    this.socket = new WebSocket(url);
    this.socket.onopen = () => hello && this.socket.send(JSON.stringify({ hello }));
    this.socket.onmessage = ({ data }) => this.frames.push(fromJsonString(ServerFrameSchema, data as string).frame);
    this.socket.onerror = () => {
      this.isRefused = true;
    };
    this.socket.onclose = ({ code }) => {
      this.code = code;
    };
    endings.push(() => this.socket.close());
  }

  get titles(): string[] {
    return this.frames.flatMap((frame) => (frame.case === "message" ? [frame.value.message?.title ?? ""] : []));
  }

  get cursor(): string {
    const last = this.frames.findLast((frame) => frame.case === "message");
    return last?.value.cursor ?? "";
  }

  saw = (kind: ServerFrame["frame"]["case"]): boolean => this.frames.some((frame) => frame.case === kind);
}
