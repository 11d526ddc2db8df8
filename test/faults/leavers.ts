/**
 * People to whom nothing may be sent any more in the midst of a load: one is suppressed, one is erased, and to one everything soon expires.
 * Each is sent something every second; what must not be sent is counted from outside, by when things were acknowledged.
 */
import { setTimeout as pause } from "node:timers/promises";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Notification } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { clientsOf } from "../world/clients.ts";
import type { FaultMesh } from "./mesh.ts";

export interface Leavers {
  /** Suppresses one and erases another; goes on until both are acknowledged. */
  leave(): void;
  /** Resolves when all that was begun is acknowledged. */
  stop(): Promise<void>;
  /** Once all of theirs has ended. */
  settled(): Promise<LeaversFound>;
}

export interface LeaversFound {
  /** What was sent to whom nothing might be sent any more, in words. */
  readonly wrong: readonly string[];
  /** Mails of theirs that the history tells, and how many more there may have been: to the one whose history is gone. */
  readonly sent: number;
  readonly untold: number;
}

interface Asked {
  readonly id: string;
  /** Before it was asked for. */
  readonly atMs: number;
  readonly expiresMs: number;
}

const EVERY_MS = 1_000;
const AGAIN_MS = 500;
const DEADLINE = { timeoutMs: 10_000 };
const { COMPLAINT } = SuppressionReason;
const BRIEF_MS = 6_000;
const LONG_MS = 86_400_000;
/** A message has to be handed over within that time from when its send began. */
const HAND_OVER_MS = 12_000;

/** `load`: a number that no other load has. `onTheWayMs`: how much longer a message may take to arrive. */
export function startLeavers(mesh: FaultMesh, load: number, onTheWayMs: number): Leavers {
  const { ingest, preferences, tracker } = clientsOf(mesh.url);
  const people = { suppressed: `suppressed-${load}`, erased: `erased-${load}`, brief: `brief-${load}` };
  const asked: Record<keyof typeof people, Asked[]> = { suppressed: [], erased: [], brief: [] };
  let [suppressedMs, erasedMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let isOver = false;
  let leaving: Promise<unknown> | undefined;
  const addressOf = (userId: string) => `${userId}@example.test`;

  const send = async (who: keyof typeof people, number: number) => {
    const [userId, atMs] = [people[who], Date.now()];
    const expiresMs = atMs + (who === "brief" ? BRIEF_MS : LONG_MS);
    const sent = () =>
      ingest.send(
        {
          recipients: [{ userId, email: addressOf(userId) }],
          ...{ channels: [1], content: { title: `Number ${number}`, body: "It happened." } },
          ...{ expiresAt: timestampFromMs(expiresMs), idempotencyKey: `${userId}/${number}` },
        },
        DEADLINE,
      );
    // Not acknowledged before it expired: it is refused from then on.
    const answer = await untilAnswered(sent, () => Date.now() < expiresMs);
    if (answer) asked[who].push({ id: answer.notificationId, atMs, expiresMs });
  };
  const sending = async () => {
    for (let number = 0; !isOver; number++) {
      const who: (keyof typeof people)[] = leaving ? ["suppressed", "brief"] : ["suppressed", "erased", "brief"];
      await Promise.all([...who.map((each) => send(each, number)), pause(EVERY_MS)]);
    }
  };
  const done = sending();

  /** As the history tells it; undefined: it is gone. */
  const read = (notificationId: string) =>
    tracker.getNotification({ notificationId }).then(
      ({ notification }) => notification,
      (error) => {
        if (ConnectError.from(error).code === Code.NotFound) return undefined;
        throw error;
      },
    );

  return {
    leave() {
      // What is being sent to the erased one meanwhile was asked for before.
      leaving ??= Promise.all([
        untilAnswered(() => preferences.addSuppression({ who: { userId: people.suppressed }, reason: COMPLAINT }, DEADLINE)).then(
          () => (suppressedMs = Date.now()),
        ),
        untilAnswered(() => preferences.erasePerson({ userId: people.erased }, DEADLINE)).then(() => (erasedMs = Date.now())),
      ]);
    },
    async stop() {
      isOver = true;
      await done;
      await leaving;
    },
    async settled() {
      const told = new Map<string, Notification>();
      for (const { id } of [...asked.suppressed, ...asked.brief])
        await expect
          .poll(async () => {
            const notification = await read(id);
            if (notification) told.set(id, notification);
            return notification?.status ?? NotificationStatus.UNSPECIFIED;
          }, WITHIN)
          .toBeGreaterThan(NotificationStatus.PROCESSING);
      const mailsTo = (who: keyof typeof people) => mesh.mails.filter(({ to }) => to === addressOf(people[who]));
      const mailsOf = ({ id }: Asked) => {
        const ids = new Set(told.get(id)?.deliveries.map(({ deliveryId }) => deliveryId));
        return mesh.mails.filter(({ deliveryId }) => ids.has(deliveryId));
      };
      const late = HAND_OVER_MS + onTheWayMs;
      const count = (what: string, mails: readonly unknown[]) => (mails.length > 0 ? [`${mails.length} ${what}`] : []);
      const wrong = [
        ...count(
          "mails that were asked for after the suppression was acknowledged",
          asked.suppressed.filter(({ atMs }) => atMs > suppressedMs).flatMap(mailsOf),
        ),
        ...count(
          "mails that were begun after the suppression was acknowledged",
          mailsTo("suppressed").filter(({ atMs }) => atMs > suppressedMs + late),
        ),
        ...count(
          "mails that were begun after the erasure was acknowledged",
          mailsTo("erased").filter(({ atMs }) => atMs > erasedMs + late),
        ),
        ...count(
          "mails that were begun after they expired",
          asked.brief.flatMap((each) => mailsOf(each).filter(({ atMs }) => atMs > each.expiresMs + late)),
        ),
      ];
      const sent = [...told.values()].filter(({ status }) => status === NotificationStatus.SENT).length;
      return { wrong, sent, untold: asked.erased.length };
    },
  };
}

const WITHIN = { timeout: 120_000, interval: 250 };

async function untilAnswered<T>(ask: () => Promise<T>, isWorthIt = () => true): Promise<T | undefined> {
  while (isWorthIt()) {
    try {
      return await ask();
    } catch {
      await pause(AGAIN_MS);
    }
  }
  return undefined;
}
