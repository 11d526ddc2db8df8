/** Sends that are known by number: each goes to one person by email, and is keyed, so that it may be repeated until it is acknowledged. */
import { expect } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { Delivery } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { clientsOf } from "../world/clients.ts";
import type { Sink } from "../world/sink.ts";

/** What was acknowledged: the notification's id, by number. */
export type Acknowledged = Map<number, string>;

export type Ingest = ReturnType<typeof clientsOf>["ingest"];

/** A category that is sent at most once, and which numbers of a mixed load are of it. */
export const ONCE = "codes";
export const isOnce = (number: number): boolean => number % 2 === 1;

export interface Batch {
  readonly mixed?: boolean;
  readonly numbers: readonly number[];
  readonly people: number;
  readonly timeoutMs?: number;
}

export const numbersFrom = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);

/** Sends these; rejects when there was no answer, and answers whether each was acknowledged. */
export async function sendBatch(
  ingest: Ingest,
  { numbers, people, mixed = false, timeoutMs }: Batch,
  acknowledged: Acknowledged,
): Promise<boolean> {
  const { results } = await ingest.sendBatch(
    {
      notifications: numbers.map((number) => ({
        recipients: [{ userId: `person-${number % people}`, email: `person-${number % people}@example.test` }],
        channels: [1],
        ...(mixed && isOnce(number) && { category: ONCE }),
        content: { title: `Number ${number}`, body: "It happened." },
        idempotencyKey: `fault/${number}`,
      })),
    },
    timeoutMs === undefined ? {} : { timeoutMs },
  );
  for (const [index, { result }] of results.entries())
    if (result.case === "accepted") acknowledged.set(numbers[index] as number, result.value.notificationId);
  return results.every(({ result }) => result.case === "accepted");
}

/** How many are asked about at the same time. */
const ASKED_AT_ONCE = 8;

/** The delivery that was tried of each, by number, once every one is sent. */
export async function whenTerminal(url: string, acknowledged: Acknowledged): Promise<Map<number, Delivery>> {
  const { tracker } = clientsOf(url);
  const open = new Map(acknowledged);
  const tried = new Map<number, Delivery>();
  /** Whether it is. */
  const look = async (number: number, notificationId: string): Promise<boolean> => {
    const { notification } = await tracker.getNotification({ notificationId });
    if (notification?.status !== NotificationStatus.SENT) return false;
    for (const delivery of notification.deliveries) if (delivery.attempts > 0) tried.set(number, delivery);
    return open.delete(number);
  };
  const lookAtAll = async () => {
    const left = [...open];
    await Promise.all(
      numbersFrom(0, ASKED_AT_ONCE).map(async () => {
        for (let next = left.shift(); next && (await look(...next)); next = left.shift());
      }),
    );
    return open.size;
  };
  await expect.poll(lookAtAll, { timeout: 300_000, interval: 250 }).toBe(0);
  expect(tried.size).toBe(acknowledged.size);
  return tried;
}

export interface Arrived {
  /** Acknowledged, and never at the SMTP server. */
  readonly lost: number;
  /** Mails that were there once more. */
  readonly duplicated: number;
}

/** By how often each mail was there, and how often before the sends in question. */
export function arrivedAt({ byDelivery }: Sink, deliveries: Iterable<Delivery>, before: Sink["byDelivery"] = new Map()): Arrived {
  const lost = [...deliveries].filter(({ deliveryId }) => !byDelivery.has(deliveryId)).length;
  const duplicated = [...byDelivery].reduce((sum, [id, count]) => sum + count - (before.get(id) ?? 1), 0);
  return { lost, duplicated };
}
