/**
 * One watcher of a notification: where it stands, then every change, until it is settled or the caller leaves.
 *
 * Nothing is missed between the read and the watch: it subscribes, then reads, and reads again whenever the stage has recorded something
 * since a read began. The fan-out only wakes; the history is the truth, so a wake-up that is lost, or comes twice, does no harm: each
 * sign of life reads again too.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { Notification, WatchNotificationResponseSchema } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Fanout } from "#platform/fanout/fanout.ts";
import { changesSince } from "./changes.ts";
import type { History } from "./history.ts";
import { notificationOf } from "./notification.ts";

export type WatchUpdate = MessageInitShape<typeof WatchNotificationResponseSchema>;

const HEARTBEAT_MS = 15_000;

const NOTHING = new Uint8Array();

const channelOf = (environment: string, notificationId: string) => `notification:${environment}/${notificationId}`;

/** Wakes whoever watches these notifications; called once they have been recorded. */
export function wakeWatchers(fanout: Fanout, recorded: Iterable<{ readonly environment: string; readonly notificationId: string }>): void {
  const channels = new Set<string>();
  for (const { environment, notificationId } of recorded) channels.add(channelOf(environment, notificationId));
  for (const channel of channels) fanout.publish(channel, NOTHING);
}

export interface Watched {
  readonly environment: string;
  readonly notificationId: string;
  readonly read: () => Promise<History>;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

export async function* watch(
  { environment, notificationId, read, signal }: Watched,
  { fanout, clock }: { readonly fanout: Fanout; readonly clock: Clock },
): AsyncGenerator<WatchUpdate> {
  let woken = new AbortController();
  const wake = () => woken.abort();
  signal.addEventListener("abort", wake, { once: true });
  const subscription = await fanout.subscribe(channelOf(environment, notificationId), wake, wake);
  try {
    let known: History | undefined;
    while (!signal.aborted) {
      woken = new AbortController();
      const now = await read();
      const notification = notificationOf(now);
      yield* known ? updates(known, now, notification) : [first(notification)];
      if (isSettled(notification)) return;
      known = now;
      await clock.sleep(HEARTBEAT_MS, woken.signal);
      if (!woken.signal.aborted) yield { status: notification.status, update: heartbeat(clock) };
    }
  } finally {
    subscription.end();
  }
}

const isSettled = ({ status }: Notification) => status !== NotificationStatus.PROCESSING;

const first = (notification: Notification): WatchUpdate => ({
  status: notification.status,
  update: { case: "notification", value: notification },
});

/** Only the last one may say that it is over: after it the stream ends. */
function updates(known: History, now: History, notification: Notification): WatchUpdate[] {
  const changes = changesSince(known, now).map((value): WatchUpdate["update"] => ({ case: "delivery", value }));
  // The request may become known late; a refusal is no delivery's, and a cancel is every open one's.
  const isOther =
    (known.requested === undefined) !== (now.requested === undefined) ||
    (known.canceled === undefined) !== (now.canceled === undefined) ||
    known.refused.length !== now.refused.length;
  if (isOther || (changes.length === 0 && isSettled(notification))) changes.push({ case: "notification", value: notification });
  return changes.map((update, at) => ({
    status: at === changes.length - 1 ? notification.status : NotificationStatus.PROCESSING,
    ...(update && { update }),
  }));
}

const heartbeat = (clock: Clock): NonNullable<WatchUpdate["update"]> => ({ case: "heartbeat", value: { atMs: BigInt(clock.nowMs()) } });
