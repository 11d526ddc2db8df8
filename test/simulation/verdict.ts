/** What a simulated run came to, read at its end from what outlives processes: the log as the tracker reads it, and the providers' mails. */
import { fromBinary } from "@bufbuild/protobuf";
import { isTerminal } from "#domain/decide/status.ts";
import { deliveryName } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import * as topics from "#domain/topics.ts";
import { Channel, DeliveryStatus, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type Decision, type DeliveryEvent, Moment, NotificationPrioritizedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Delivery as Tracked } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { EventLog, LogRecord } from "#platform/log/log.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { historyOf } from "../../services/tracker/history.ts";
import { notificationOf } from "../../services/tracker/notification.ts";
import type { Leases } from "./leases.ts";
import type { Report } from "./report.ts";
import type { Sends } from "./sends.ts";

export interface Evidence {
  readonly log: EventLog;
  readonly leases: Leases;
  readonly sends: Sends;
  /** Deliveries in the order in which they came into an inbox. */
  readonly stored: ReadonlyMap<string, unknown>;
  /** Those of them that are not there any more. */
  readonly deleted: ReadonlySet<string>;
  /** By notification. */
  readonly events: ReadonlyMap<string, readonly DeliveryEvent[]>;
  readonly accepted: ReadonlyMap<string, unknown>;
}

type Arrived = "once" | "perhaps" | "never";

/** Of what the ledger lost while it was under way, only that it ended can be said. */
export async function verdict({ log, leases, sends, stored, deleted, events, accepted }: Evidence, report: Report): Promise<void> {
  const arrived = ({ deliveryId, channel }: Tracked, cycle: number): Arrived => {
    const mails = (sends.taken.get(deliveryId) ?? []).filter(({ lease }) => lease?.of.cycle === cycle);
    if (deleted.has(deliveryId)) return "perhaps";
    if (channel === Channel.WEB ? stored.has(deliveryId) : mails.some(({ resolved }) => resolved?.as === "sent")) return "once";
    return mails.length > 0 ? "perhaps" : "never";
  };
  for (const id of accepted.keys()) {
    const its = events.get(id) ?? [];
    for (const delivery of ended(id, its, report)) {
      const cycle = Math.max(...its.map((event) => (event.deliveryId === delivery.deliveryId ? event.cycle : 1)));
      const belies = delivery.status === DeliveryStatus.SENT ? "never" : "once";
      if (!leases.isLost(id) && arrived(delivery, cycle) === belies)
        report("I1: what was acknowledged ends as it was", `${standing(delivery)}, and it arrived ${belies}`);
    }
  }
  const decisions = decidedOnce(
    [...events].flatMap(([id, its]) => (leases.isLost(id) ? [] : its)),
    report,
  );
  const lost = new Set([...events].flatMap(([id, its]) => (leases.isLost(id) ? its.flatMap(deliveriesOf) : [])));
  for (const [deliveryId, mails] of sends.taken)
    for (const { to } of mails)
      if (!lost.has(deliveryId) && decisions.get(deliveryId)?.target !== to)
        report("what is sent follows the decision", `${deliveryId} was sent to ${to}`);
  for (const deliveryId of stored.keys())
    if (!lost.has(deliveryId) && !decisions.has(deliveryId)) report("what is sent follows the decision", `${deliveryId} was stored`);
  const rows = [...stored.keys()].filter((deliveryId) => decisions.get(deliveryId)?.untilMs === 0n);
  await inOrder(log, [...sends.firsts, ...rows], report);
}

const deliveriesOf = ({ decisions }: DeliveryEvent) => decisions.map(({ deliveryId }) => deliveryId);

/** Of two events with one id the tracker keeps either; its deliveries as of both. */
function ended(id: string, events: readonly DeliveryEvent[], report: Report): Tracked[] {
  return [events, events.toReversed()].flatMap((read) => {
    const { status, deliveries } = notificationOf(historyOf(id, read));
    if (status === NotificationStatus.PROCESSING || !deliveries.every((each) => isTerminal(each.status)))
      report(
        "I1: what was acknowledged ends",
        `${id} stands at ${nameOf(NotificationStatus, status)}, ${deliveries.map(standing).join(", ")}`,
      );
    return deliveries;
  });
}

const nameOf = (names: Readonly<Record<string, number>>, value: number) => Object.keys(names).find((name) => names[name] === value);

const standing = ({ deliveryId, status }: Tracked) => `${deliveryId} ${nameOf(DeliveryStatus, status)}`;

/** Those that were to be sent, by delivery. A decision that a cancel has overtaken is told again as withdrawn. */
function decidedOnce(events: readonly DeliveryEvent[], report: Report): Map<string, Decision> {
  const words = ({ channel, deliveryId, reasons, send, target, untilMs }: Decision) => {
    const isWithdrawn = reasons.at(-1) === "canceled";
    return [channel, deliveryId, isWithdrawn ? reasons.slice(0, -1) : reasons, send || isWithdrawn, target, untilMs].join();
  };
  const told = new Map<string, string>();
  const toSend = new Map<string, Decision>();
  for (const { moment, eventId, notificationId, userId, decisions } of events) {
    if (moment !== Moment.DECIDED) continue;
    const all = decisions.map(words).join("; ");
    const first = told.get(eventId) ?? all;
    told.set(eventId, first);
    if (first !== all) report("a decision is recorded once", `${notificationId} for ${userId}: ${first}, then ${all}`);
    for (const decision of decisions) if (decision.send) toSend.set(decision.deliveryId, decision);
  }
  return toSend;
}

/** First attempts and rows, per person, lane and channel, against the order in which the router let them in. */
async function inOrder(log: EventLog, firsts: readonly string[], report: Report): Promise<void> {
  const places = new Map<string, { readonly lane: string; readonly at: number }>();
  for (const lane of [topics.high, topics.medium, topics.low])
    for (const [at, { key, value }] of (await recordsOf(log, lane)).entries()) {
      const { notificationId, userId, email } = fromBinary(NotificationPrioritizedSchema, value);
      for (const channel of ["email", "web"]) {
        const deliveryId = uuidv5(deliveryName(notificationId, recipientWord({ userId, email }, uuidv5), channel, 0));
        if (!places.has(deliveryId)) places.set(deliveryId, { lane: `${lane.name} of ${key} by ${channel}`, at });
      }
    }
  const reached = new Map<string, number>();
  for (const deliveryId of firsts) {
    const { lane, at } = places.get(deliveryId) ?? { lane: "none", at: Number.NEGATIVE_INFINITY };
    if (at <= (reached.get(lane) ?? -1)) report("I3: first attempts keep the order", `${deliveryId} in ${lane}`);
    reached.set(lane, at);
  }
}

/** Partition by partition. */
export async function recordsOf(log: EventLog, topic: topics.Topic): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for (let partition = 0; partition < topic.partitions; partition++)
    found.push(...(await log.read(topic, partition, 0, Number.POSITIVE_INFINITY)));
  return found;
}
