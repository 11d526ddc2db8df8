/** What the suppression list says of a person or an address. Pure. */
import type { Reason } from "#domain/reasons.ts";
import type { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { type Suppression as Entry, SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";

/** Of a person, or of an address in a channel. */
export interface Suppression {
  /** Empty with an address. */
  readonly userId: string;
  readonly channel: Channel;
  /** Empty with a person. */
  readonly address: string;
  readonly reason: Reason;
}

const reasons: { readonly [reason in SuppressionReason]: Reason } = {
  [SuppressionReason.UNSPECIFIED]: "suppressed_manual",
  [SuppressionReason.COMPLAINT]: "suppressed_complaint",
  [SuppressionReason.BOUNCE]: "suppressed_bounce",
  [SuppressionReason.MANUAL]: "suppressed_manual",
  [SuppressionReason.UNSUBSCRIBE]: "suppressed_unsubscribe",
};

/** Out of what the preferences answer. */
export const suppressionsOf = (entries: readonly Entry[]): Suppression[] =>
  entries.map(({ who, reason }) => {
    const { userId = "", channel = 0, address = "" } = who ?? {};
    // A reason of a newer version.
    return { userId, channel, address, reason: reasons[reason] ?? "suppressed_manual" };
  });

export const personSuppressed = (all: readonly Suppression[], userId: string): Reason | undefined =>
  userId === "" ? undefined : all.find((each) => each.userId === userId)?.reason;

/** An address is the same in upper and lower case. */
export const addressSuppressed = (all: readonly Suppression[], channel: Channel, address: string): Reason | undefined =>
  address === "" ? undefined : all.find((each) => each.channel === channel && each.address.toLowerCase() === address.toLowerCase())?.reason;
