/**
 * The names from which ids are derived. Pure: platform/uuid.ts does the hashing, UUIDv5 under one namespace.
 *
 * Parts are joined with U+001F after the kind of the name, so that no two different lists make the same name.
 * Hops derive ids, they never draw them: a repeat of a record makes the same ids again.
 */
const name = (kind: string, ...parts: readonly (string | number)[]): string => [kind, ...parts].join("\u001f");

export const notificationName = (environment: string, idempotencyKey: string) => name("notification", environment, idempotencyKey);
/** A raw event that carries no id: its place in the log is its identity. */
export const rawEventName = (topic: string, partition: number, offset: number, timeMs: number) =>
  name("raw", topic, partition, offset, timeMs);
/** One of the several notifications that a record asks for, under the id of the whole. */
export const partName = (wholeId: string, index: number) => name("part", wholeId, index);
export const deliveryName = (notificationId: string, recipient: string, channel: string, step: number) =>
  name("delivery", notificationId, recipient, channel, step);
export const deliveryEventName = (
  deliveryId: string,
  at: { cycle: number; attempt: number; wait: number; target: string },
  status: string,
) => name("event", deliveryId, at.cycle, at.attempt, at.wait, at.target, status);
export const notificationEventName = (notificationId: string, recipient: string, moment: string) =>
  name("notification-event", notificationId, recipient, moment);
export const scheduledName = (deliveryId: string, cycle: number, attempt: number, wait: number) =>
  name("scheduled", deliveryId, cycle, attempt, wait);
/** A notification that waits as a whole for its send_at. */
export const parkedName = (notificationId: string) => name("parked", notificationId);
export const deadLetterName = (stage: string, topic: string, partition: number, offset: number) =>
  name("dead-letter", stage, topic, partition, offset);
/** A dead letter of the raw topic that carries no id, put back: the same however often. */
export const replayName = (deadLetterId: string) => name("replay", deadLetterId);
/** A replay of all that a filter finds, by its caller's key. */
export const replayOfFilterName = (environment: string, idempotencyKey: string) => name("replay-of-filter", environment, idempotencyKey);
export const addressName = (channel: string, normalisedAddress: string) => name("address", channel, normalisedAddress);

/** A person, where they are named by a hash. */
export const personName = (userId: string) => name("person", userId);

/** The key of everything about one recipient: their order is kept along it. `recipient` is a user id, or `~uuid` for a bare address. */
export const recipientKey = (environment: string, recipient: string) => `${environment}/${recipient}`;
/** The environment that a key of ours begins with. */
export const environmentOfKey = (key: string): string => key.split("/", 1)[0] as string;
