/** A place to try deliveries in: the real stage on a log in memory, a real SMTP server, and a clock that the test moves. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { ContentSchema, type DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { DeadLetterSchema, type Delivery, DeliveryEventSchema, DeliverySchema, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { memoryBreakers } from "#platform/limits/breaker.memory.ts";
import type { Breakers } from "#platform/limits/breaker.ts";
import { memoryBuckets } from "#platform/limits/bucket.memory.ts";
import type { Buckets, Rate } from "#platform/limits/bucket.ts";
import { wordsOf } from "#platform/render/content.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import type { RunningStage } from "#platform/stage/runner.ts";
import { deliveryMetrics } from "#platform/telemetry/deliveries.ts";
import { noTracer } from "#platform/telemetry/trace.ts";
import { type Integration, integrationOf, type Route } from "../../services/delivery/integration.ts";
import { emailLoop } from "../../services/delivery/loop.ts";
import { smtpSender } from "../../services/delivery/providers/email/smtp.ts";
import type { Sender } from "../../services/delivery/sender.ts";
import { openServer, type TestServer } from "./smtp.ts";
import { type Trial, trial } from "./stage.ts";

/** What a test may replace before it runs the stage. */
interface Here {
  at: Trial;
  server: TestServer;
  ledger: Ledger;
  buckets: Buckets;
  breakers: Breakers;
  /** The one that mails go by, unless a route is given. */
  sender: Sender;
  /** Closed afterwards. */
  senders: Sender[];
  /** Another sender to the same server. */
  open(): Sender;
  /** What this worker's results did to breakers. */
  changes: string[];
}

interface More {
  ledger?: Ledger;
  maxRetryCount?: number;
  client?: Clients;
  worker?: string;
  route?: Route;
  routeOf?: (environment: string) => Promise<Route | undefined>;
}

const EXPIRY_MS = 72 * 3_600_000;

export function deliveries() {
  const here = {} as Here;
  const appended = new Set<string>();

  beforeEach(async () => {
    appended.clear();
    here.at = trial(topics.all);
    here.server = await openServer();
    const { clock } = here.at;
    Object.assign(here, { ledger: memoryLedger({ clock }), buckets: memoryBuckets({ clock }), breakers: memoryBreakers({ clock }) });
    here.senders = [];
    here.changes = [];
    here.open = () => {
      const opened = smtpSender({ id: "smtp", host: "127.0.0.1", port: here.server.port, tls: "off", connections: 5, clock });
      here.senders.push(opened);
      return opened;
    };
    here.sender = here.open();
  });
  afterEach(async () => {
    for (const each of here.senders) await each.close();
    await here.server.close();
    await here.at.end();
  });

  const integration = (sender: Sender, more: { rate?: Rate; worker?: string; guarded?: boolean } = {}): Integration => {
    const { rate, worker = "w-1", guarded = true } = more;
    const { clock, logger } = here.at;
    const changed = (id: string, is: string) => void here.changes.push(`${id} ${is}`);
    const guard = { breakers: here.breakers, logger, changed, known: () => undefined };
    return integrationOf({ sender, rate, ...(guarded && { guard }), buckets: here.buckets, worker, clock });
  };

  const run = ({ client = createClients({ rpc: () => [], ...here.at }), route, ...more }: More = {}): Promise<RunningStage> => {
    const { clock, logger, metrics } = here.at;
    const live: Route = route ?? [integration(here.sender)];
    return here.at.run(
      emailLoop({
        ...{ live, routeOf: async () => live, ledger: here.ledger, clock, logger, worker: "w-1", maxRetryCount: 3 },
        wordsOf: wordsOf(versionsOf({ client, clock })),
        ...{ tracer: noTracer, metrics: deliveryMetrics(metrics, "email") },
        from: { name: "Carillon", address: "notifications@carillon.localhost" },
        ...more,
      }),
    );
  };

  const deliveryOf = (id: string, more: MessageInitShape<typeof DeliverySchema> = {}): Delivery =>
    create(DeliverySchema, {
      ...{ deliveryId: id, notificationId: `n-${id}`, environment: "development", userId: `user-${id}`, channel: 1, cycle: 1 },
      ...{ target: `${id}@example.test`, expiresAtMs: BigInt(here.at.clock.nowMs() + EXPIRY_MS) },
      content: toBinary(ContentSchema, create(ContentSchema, { title: `Title ${id}`, body: "It happened." })),
      ...more,
    });

  const putInto = (topic: topics.Topic, ...items: Delivery[]) =>
    here.at.log.append(items.map((each) => ({ topic, key: `development/${each.userId}`, value: toBinary(DeliverySchema, each) })));
  const put = (...items: Delivery[]) => putInto(topics.email.medium, ...items);

  const events = async (id: string) => {
    const all = (await here.at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
    return all.filter(({ deliveryId }) => deliveryId === id);
  };
  const statuses = async (id: string) => (await events(id)).map(({ status, reason, attempt }) => [status, reason, attempt]);
  const until = (id: string, status: DeliveryStatus, count = 1) =>
    vi.waitFor(async () => expect((await events(id)).filter((event) => event.status === status)).toHaveLength(count), 5_000);
  const scheduled = async () => (await here.at.records(topics.schedule)).map(({ value }) => fromBinary(ScheduledSchema, value));
  const letters = async () => (await here.at.records(topics.deadEmail)).map(({ value }) => fromBinary(DeadLetterSchema, value));

  /** Moves the clock, then does what the scheduler does: appends what is due, once per id. */
  async function pass(ms: number): Promise<void> {
    await here.at.clock.advance(ms);
    for (const { id, dueAtMs, topic, key, value } of await scheduled()) {
      if (Number(dueAtMs) > here.at.clock.nowMs() || appended.has(id)) continue;
      appended.add(id);
      await here.at.log.append([{ topic: topics.topicNamed(topic) as topics.Topic, key, value }]);
    }
  }

  return { here, run, integration, put, putInto, deliveryOf, events, statuses, until, scheduled, letters, pass };
}
