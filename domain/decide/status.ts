/**
 * Where a delivery and a notification stand, derived from what happened in whatever order it is read.
 *
 * Within the newest cycle the higher rank wins, so that a late or repeated event cannot take a delivery back. Of two ends the one that
 * reached the person wins: a send under way when the delivery expired counts as sent.
 */
import { DeliveryStatus, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";

const ranks: { readonly [status in DeliveryStatus]: number } = {
  [DeliveryStatus.UNSPECIFIED]: 0,
  [DeliveryStatus.QUEUED]: 1,
  [DeliveryStatus.DEFERRED]: 2,
  [DeliveryStatus.SKIPPED]: 3,
  [DeliveryStatus.CANCELED]: 4,
  [DeliveryStatus.EXPIRED]: 5,
  [DeliveryStatus.FAILED]: 6,
  [DeliveryStatus.DEAD]: 7,
  [DeliveryStatus.SENT]: 8,
};

/** The higher, the further; a status of a newer version ranks lowest. */
export const rankOf = (status: DeliveryStatus): number => (ranks as Readonly<Record<number, number>>)[status] ?? 0;

/** Whether a delivery with this status will change no more (in this cycle). */
export const isTerminal = (status: DeliveryStatus): boolean => rankOf(status) > ranks[DeliveryStatus.DEFERRED];

/** What an event says of a delivery, as far as order goes. */
export interface Standing {
  readonly cycle: number;
  readonly status: DeliveryStatus;
  readonly attempt: number;
  readonly wait: number;
}

/** Whether `event` tells of a later moment than `known`: newer cycle, else higher rank, else more attempts and waits. */
export function supersedes(event: Standing, known: Standing): boolean {
  const later =
    event.cycle - known.cycle || rankOf(event.status) - rankOf(known.status) || event.attempt - known.attempt || event.wait - known.wait;
  return later > 0;
}

/** The status over all deliveries. `decidedAll`: every recipient has been decided for; until then more deliveries may come. */
export function notificationStatus(deliveries: readonly DeliveryStatus[], decidedAll: boolean): NotificationStatus {
  if (!decidedAll || !deliveries.every(isTerminal)) return NotificationStatus.PROCESSING;
  if (deliveries.includes(DeliveryStatus.SENT)) return NotificationStatus.SENT;
  const others = new Set(deliveries.filter((status) => status !== DeliveryStatus.SKIPPED));
  if (others.size === 0) return NotificationStatus.SKIPPED;
  return others.size === 1 && others.has(DeliveryStatus.CANCELED) ? NotificationStatus.CANCELED : NotificationStatus.FAILED;
}
