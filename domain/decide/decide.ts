/**
 * What happens to one notification for one recipient: for every channel that exists whether it is used, why, and where to.
 *
 * Rules, the first that applies decides:
 * 1. Nobody is notified of their own act, and nothing is sent after it has expired.
 * 2. A muted category is silent; so is everything under a muted "*", except a category with a choice of its own. Critical passes.
 * 3. The person's choice of channels for the category (or for "*") wins over the sender's: a channel is used only when the sender asked
 *    for it, or for none in particular, and the person did not choose others. So a sender narrows what the person allows and never widens
 *    it. Critical: where the sender names channels, they are used whatever the person chose.
 * 4. A channel needs somewhere to go to: an address (the sender's one-time address comes first), an inbox a person.
 *
 * Pure. Times are epoch milliseconds.
 */
import { channels } from "#domain/channels/channel.ts";
import type { Reason } from "#domain/reasons.ts";
import { Channel, Priority } from "#gen/carillon/common/v1/common_pb.ts";

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
  readonly priority: Priority;
  readonly expiresAtMs: number;
}

/** What the person chose for a category; "*" is every category without a choice of its own. */
export interface CategoryChoice {
  readonly category: string;
  readonly muted: boolean;
  /** Empty: every channel they can be reached on. */
  readonly channels: readonly Channel[];
}

export interface PersonFacts {
  /** Empty: none known. */
  readonly email: string;
  readonly categories: readonly CategoryChoice[];
}

export interface ChannelDecision {
  readonly channel: Channel;
  readonly send: boolean;
  /** Codes of domain/reasons, the deciding one last. */
  readonly reasons: readonly Reason[];
  /** An address where the channel needs one and is used, else empty. */
  readonly target: string;
}

/** One decision per channel, in the order of `channels`. `facts` are undefined for a bare address; `disabled` channels serve nobody. */
export function decide(asked: Asked, facts: PersonFacts | undefined, nowMs: number, disabled: readonly Channel[] = []): ChannelDecision[] {
  const choice = choiceFor(asked.category, facts);
  const against = silence(asked, choice, nowMs);
  if (against !== undefined) return channels.map((channel) => skip(channel, against));
  return channels.map((channel) =>
    disabled.includes(channel) ? skip(channel, "channel_disabled") : decideChannel(channel, asked, facts, choice),
  );
}

const choiceFor = (category: string, facts: PersonFacts | undefined): CategoryChoice | undefined =>
  facts?.categories.find((each) => each.category === category) ?? facts?.categories.find((each) => each.category === "*");

/** Why nothing at all is sent. */
function silence({ userId, actor, priority, expiresAtMs }: Asked, choice: CategoryChoice | undefined, nowMs: number): Reason | undefined {
  if (actor !== "" && actor === userId) return "own_act";
  if (nowMs >= expiresAtMs) return "expired";
  if (choice?.muted && priority !== Priority.CRITICAL) return choice.category === "*" ? "everything_muted" : "category_muted";
  return undefined;
}

function decideChannel(
  channel: Channel,
  asked: Asked,
  facts: PersonFacts | undefined,
  choice: CategoryChoice | undefined,
): ChannelDecision {
  const requested = asked.channels.includes(channel);
  const preferred = choice?.channels.includes(channel) ?? false;
  if (asked.channels.length > 0 && !requested) return skip(channel, "not_requested");
  const overridden = choice !== undefined && choice.channels.length > 0 && !preferred;
  const critical = asked.priority === Priority.CRITICAL;
  if (overridden && !(critical && requested))
    return requested ? skip(channel, "channel_requested", "not_preferred") : skip(channel, "not_preferred");

  const why: Reason[] = [];
  if (preferred) why.push("channel_preferred");
  if (requested) why.push("channel_requested");
  const { target, through, missing } = reach(channel, asked, facts);
  if (missing !== undefined) return skip(channel, ...why, missing);
  if (why.length === 0) why.push("channel_default");
  if (through !== undefined) why.unshift(through);
  if (overridden) why.push("critical_passes_choice");
  if (choice?.muted) why.push("critical_passes_mute");
  return { channel, send: true, reasons: why, target };
}

const skip = (channel: Channel, ...reasons: Reason[]): ChannelDecision => ({ channel, send: false, reasons, target: "" });

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
