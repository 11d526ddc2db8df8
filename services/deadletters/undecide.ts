/**
 * Notifications that died because what had been decided for them cannot be read: decided once, it would be met again by every replay. So it is
 * forgotten first, and the replay decides anew, where nothing has come of it.
 *
 * Where a try was made of one of its deliveries, somebody has read it while it could be read. To decide anew might send to another address, or
 * over another channel, what went out already: it stays, and the replay is refused. What was decided and has not been tried yet, as in quiet
 * hours, has the ids of what is decided anew, and is one send with it.
 */
import { channels, nameOfChannel } from "#domain/channels/channel.ts";
import { deliveryName } from "#domain/ids.ts";
import type { Reason } from "#domain/reasons.ts";
import { recipientWord } from "#domain/recipient.ts";
import { type NotificationPrioritized, NotificationPrioritizedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { decodeDecision } from "#platform/ledger/decision.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import type { RawDoor } from "#platform/raw/door.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { decode } from "./original.ts";
import type { Letter } from "./store.ts";

/** Of what such a notification dies, and why its replay is refused. */
export const STUCK: Reason = "ledger_malformed";

/** Those of the letters whose replay would die as they did. */
export async function stuckAmong(
  ledger: Pick<Ledger, "undecide">,
  letters: readonly Letter[],
  door: RawDoor,
): Promise<ReadonlySet<Letter>> {
  const stuck = new Set<Letter>();
  for (const letter of letters) {
    if (letter.reason !== STUCK) continue;
    const original = decode(letter.topic, letter.original, door);
    if (original?.schema !== NotificationPrioritizedSchema) continue;
    if (!(await canBeDecided(ledger, original.message as NotificationPrioritized))) stuck.add(letter);
  }
  return stuck;
}

async function canBeDecided(ledger: Pick<Ledger, "undecide">, value: NotificationPrioritized): Promise<boolean> {
  const { environment, notificationId } = value;
  const recipient = recipientWord(value, uuidv5);
  const deliveryIds = channels.map((channel) => uuidv5(deliveryName(notificationId, recipient, nameOfChannel(channel), 0)));
  for (let found: Uint8Array = new Uint8Array(); ; ) {
    const recorded = await ledger.undecide({ environment, notificationId, recipient, deliveryIds, decision: found });
    if (recorded === undefined || decodeDecision(recorded) !== undefined) return true;
    if (Buffer.compare(recorded, found) === 0) return false;
    found = recorded;
  }
}
