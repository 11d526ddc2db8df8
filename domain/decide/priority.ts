/**
 * The priority of a notification: as asked, else by the words of its event type and category, else medium.
 *
 * - "security" as the first word of the event type is critical: it must be heard.
 * - A newsletter, marketing or a digest is low, whatever it is about.
 * - Codes and alerts that somebody waits for are high.
 * - Over 1,000 recipients take the low lane, so that no fan-out holds up other people's notifications; only critical ones do not.
 */
import { Priority } from "#gen/carillon/common/v1/common_pb.ts";

export const BULK_RECIPIENTS = 1_000;

const BULK = new Set(["newsletter", "marketing", "digest"]);
const URGENT = new Set(["security", "alert", "password", "otp", "verification"]);

export function settlePriority(asked: Priority, eventType: string, category: string, recipientCount = 1): Priority {
  const settled = asked === Priority.UNSPECIFIED ? byWords(eventType, category) : asked;
  return recipientCount > BULK_RECIPIENTS && settled !== Priority.CRITICAL ? Priority.LOW : settled;
}

function byWords(eventType: string, category: string): Priority {
  const ofEvent = wordsOf(eventType);
  const all = [...ofEvent, ...wordsOf(category)];
  if (all.some((word) => BULK.has(word))) return Priority.LOW;
  if (ofEvent[0] === "security") return Priority.CRITICAL;
  return all.some((word) => URGENT.has(word)) ? Priority.HIGH : Priority.MEDIUM;
}

/** "order.passwordReset_alerts" is order, password, reset, alert. */
const wordsOf = (text: string): string[] =>
  text
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "")
    .map((word) => (word.length > 3 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word));
