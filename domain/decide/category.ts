/** The category of a notification, the unit of opt-out: as the sender says, else the event type up to its first dot, else "general". */
const DEFAULT_CATEGORY = "general";

const CATEGORY = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** An event type whose first part could not be a category (then nobody could ever mute it) counts as none. */
export function settleCategory(asked: string, eventType: string): string {
  if (asked !== "") return asked;
  const first = eventType.split(".", 1)[0] as string;
  return CATEGORY.test(first) ? first : DEFAULT_CATEGORY;
}
