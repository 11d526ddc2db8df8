/**
 * Whom a delivery reaches: the person, and the address it goes to. Suppressions name the same, so both are hashed: a key in a store of
 * engines is no place for an address.
 */
import { nameOfChannel } from "#domain/channels/channel.ts";
import { addressName, personName } from "#domain/ids.ts";
import type { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { uuidv5 } from "#platform/uuid.ts";

export const personReached = (userId: string): string => uuidv5(personName(userId));

/** Addresses are one whatever their case: two that differ in nothing else and are two people's are rarer than one that is written both ways. */
export const addressReached = (channel: Channel, address: string): string =>
  uuidv5(addressName(nameOfChannel(channel), address.toLowerCase()));

interface Reaching {
  /** Empty: a bare address. */
  readonly userId: string;
  readonly channel: Channel;
  /** Empty where the channel needs no address. */
  readonly target: string;
}

export const reachOf = ({ userId, channel, target }: Reaching): readonly string[] => [
  ...(userId === "" ? [] : [personReached(userId)]),
  ...(target === "" ? [] : [addressReached(channel, target)]),
];
