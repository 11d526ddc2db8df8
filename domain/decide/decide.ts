/**
 * What happens to one notification for one recipient: for every channel that exists whether it is used, why, and where to.
 *
 * Rules, the first that applies decides:
 * 1. Nobody is notified of their own act, and nothing is sent after it has expired, to who was erased
 *    after it had been accepted, or to a person or an address on the suppression list: not even what is critical.
 * 2. A muted category is silent; so is everything under a muted "*", except a category with a choice of its own. A mute until a time ends
 *    by itself: one of "*" silences every category, and one of a category is, without anything else, no choice of its own. Critical passes.
 * 3. The person's choice of channels for the category (or for "*") wins over the sender's: a channel is used only when the sender asked
 *    for it, or for none in particular, and the person did not choose others. So a sender narrows what the person allows and never widens
 *    it. Critical: where the sender names channels, they are used whatever the person chose.
 * 4. A channel needs words, and somewhere to go to: an address (the sender's one-time address comes first), an inbox a person.
 * 5. In the person's quiet hours everything waits until they end, and what expires before that is not sent. Critical passes. The same holds
 *    for every later try, so the hours go along with what is sent.
 *
 * Pure. Times are epoch milliseconds.
 */
import { channels } from "#domain/channels/channel.ts";
import type { Reason } from "#domain/reasons.ts";
import { Channel, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import type { Weekday } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { type QuietHours, quietUntil } from "./quiet-hours.ts";
import { addressSuppressed, personSuppressed, type Suppression } from "./suppression.ts";

export interface Asked {
  /** Empty for a bare address. */
  readonly userId: string;
  /** An address to use instead of the person's own; empty: none. */
  readonly email: string;
  /** Who caused it; empty: nobody in particular. */
  readonly actor: string;
  readonly category: string;
  /** Empty: preferences choose. */
  readonly channels: readonly Channel[];
  /** Those that there are words for; empty or absent: all. */
  readonly wordedChannels?: readonly Channel[];
  readonly priority: Priority;
  readonly expiresAtMs: number;
  /** What is known of the suppression list: entries about others do no harm. */
  readonly suppressions: readonly Suppression[];
  /** The person was, after it had been accepted. */
  readonly erased: boolean;
}

/** What the person chose for a category; "*" is every category without a choice of its own. */
export interface CategoryChoice {
  readonly category: string;
  readonly muted: boolean;
  /** 0: no such time. */
  readonly mutedUntilMs: number;
  /** Empty: every channel they can be reached on. */
  readonly channels: readonly Channel[];
}

export interface PersonFacts {
  /** Empty: none known. */
  readonly email: string;
  readonly categories: readonly CategoryChoice[];
  readonly quietHours: QuietHours | undefined;
  /** IANA. */
  readonly timeZone: string;
}

export interface ChannelDecision {
  readonly channel: Channel;
  readonly send: boolean;
  /** Codes of domain/reasons, the deciding one last. */
  readonly reasons: readonly Reason[];
  /** An address where the channel needs one and is used, else empty. */
  readonly target: string;
  /** The time that a reason speaks of: the end of the quiet hours or of a mute. When it is sent, not before. 0: none. */
  readonly untilMs: number;
}

/** One decision per channel, in the order of `channels`. `facts` are undefined for a bare address; `disabled` channels serve nobody. */
export function decide(asked: Asked, facts: PersonFacts | undefined, nowMs: number, disabled: readonly Channel[] = []): ChannelDecision[] {
  const own = facts?.categories.find(({ category }) => category === asked.category);
  const everything = facts?.categories.find(({ category }) => category === "*");
  const choice = own && !isOnlyForAWhile(own) ? own : everything;
  const mute = choice?.muted ? muteOf(choice) : muteForAWhile(own, everything, nowMs);
  const against = silence(asked, mute, nowMs);
  if (against !== undefined) return channels.map((channel) => ({ ...skip(channel, against.reason), untilMs: against.untilMs }));
  const decisions = channels.map((channel) =>
    disabled.includes(channel) ? skip(channel, "channel_disabled") : decideChannel(channel, asked, facts, choice, mute),
  );
  return decisions.some(({ send }) => send) ? quietened(decisions, asked, facts, nowMs) : decisions;
}

/** The quiet hours that every try has to heed, and their zone; undefined: none. */
export function heededHours(
  { priority }: Pick<Asked, "priority">,
  facts: PersonFacts | undefined,
): { readonly quietHours: Omit<QuietHours, "days"> & { days: Weekday[] }; readonly timeZone: string } | undefined {
  if (priority === Priority.CRITICAL || !facts?.quietHours) return undefined;
  const { quietHours, timeZone } = facts;
  return { quietHours: { ...quietHours, days: [...quietHours.days] as Weekday[] }, timeZone };
}

/** A mute until a time, passed or not, and nothing else. */
const isOnlyForAWhile = ({ muted, mutedUntilMs, channels }: CategoryChoice): boolean => !muted && channels.length === 0 && mutedUntilMs > 0;

interface Against {
  readonly reason: Reason;
  /** 0: it has no end. */
  readonly untilMs: number;
}

const muteOf = ({ category }: CategoryChoice): Against => ({
  reason: category === "*" ? "everything_muted" : "category_muted",
  untilMs: 0,
});

/** Of two the one that lasts longer. */
function muteForAWhile(own: CategoryChoice | undefined, everything: CategoryChoice | undefined, nowMs: number): Against | undefined {
  const ofAll = everything?.mutedUntilMs ?? 0;
  const untilMs = Math.max(ofAll, own?.mutedUntilMs ?? 0);
  return untilMs > nowMs ? { reason: untilMs === ofAll ? "everything_muted_until" : "category_muted_until", untilMs } : undefined;
}

/** Why nothing at all is sent. */
function silence(
  { userId, actor, priority, expiresAtMs, suppressions, erased }: Asked,
  mute: Against | undefined,
  nowMs: number,
): Against | undefined {
  if (actor !== "" && actor === userId) return { reason: "own_act", untilMs: 0 };
  if (erased) return { reason: "erased", untilMs: 0 };
  if (nowMs >= expiresAtMs) return { reason: "expired", untilMs: 0 };
  const suppressed = personSuppressed(suppressions, userId);
  if (suppressed !== undefined) return { reason: suppressed, untilMs: 0 };
  return priority === Priority.CRITICAL ? undefined : mute;
}

/** What the quiet hours make of decisions. */
function quietened(
  decisions: ChannelDecision[],
  { priority, expiresAtMs }: Asked,
  facts: PersonFacts | undefined,
  nowMs: number,
): ChannelDecision[] {
  const untilMs = facts?.quietHours && quietUntil(facts.quietHours, facts.timeZone, nowMs);
  if (untilMs === undefined) return decisions;
  return decisions.map((decision) => {
    const { channel, send, reasons } = decision;
    if (!send) return decision;
    if (priority === Priority.CRITICAL) return { ...decision, reasons: [...reasons, "critical_passes_quiet_hours"] };
    if (untilMs >= expiresAtMs) return { ...skip(channel, ...reasons, "expires_in_quiet_hours"), untilMs };
    return { ...decision, reasons: [...reasons, "quiet_hours"], untilMs };
  });
}

function decideChannel(
  channel: Channel,
  asked: Asked,
  facts: PersonFacts | undefined,
  choice: CategoryChoice | undefined,
  mute: Against | undefined,
): ChannelDecision {
  const requested = asked.channels.includes(channel);
  const preferred = choice?.channels.includes(channel) ?? false;
  if (asked.channels.length > 0 && !requested) return skip(channel, "not_requested");
  if (asked.wordedChannels?.length && !asked.wordedChannels.includes(channel)) return skip(channel, "no_words");
  const overridden = choice !== undefined && choice.channels.length > 0 && !preferred;
  const critical = asked.priority === Priority.CRITICAL;
  if (overridden && !(critical && requested))
    return requested ? skip(channel, "channel_requested", "not_preferred") : skip(channel, "not_preferred");

  const why: Reason[] = [];
  if (preferred) why.push("channel_preferred");
  if (requested) why.push("channel_requested");
  const { target, through, missing } = reach(channel, asked, facts);
  if (missing !== undefined) return skip(channel, ...why, missing);
  const suppressed = addressSuppressed(asked.suppressions, channel, target);
  if (suppressed !== undefined) return skip(channel, ...why, suppressed);
  if (why.length === 0) why.push("channel_default");
  if (through !== undefined) why.unshift(through);
  if (overridden) why.push("critical_passes_choice");
  if (mute) why.push("critical_passes_mute");
  return { channel, send: true, reasons: why, target, untilMs: 0 };
}

const skip = (channel: Channel, ...reasons: Reason[]): ChannelDecision => ({ channel, send: false, reasons, target: "", untilMs: 0 });

/** Where a channel leads to, or what is missing for it. */
function reach(
  channel: Channel,
  { userId, email }: Asked,
  facts: PersonFacts | undefined,
): { target: string; through?: Reason; missing?: Reason } {
  if (channel === Channel.WEB) return userId === "" ? { target: "", missing: "no_person" } : { target: "" };
  if (email !== "") return { target: email, through: "one_time_address" };
  const own = facts?.email ?? "";
  return own === "" ? { target: "", missing: "no_email_address" } : { target: own };
}
