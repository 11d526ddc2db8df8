/**
 * The channels that exist, and their names: "email" in ids, metrics and text, EMAIL in the enum; either is understood from callers.
 *
 * A channel of the contract that is missing from the table below fails to compile.
 */
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";

const names: { readonly [channel in Exclude<Channel, typeof Channel.UNSPECIFIED>]: string } = {
  [Channel.EMAIL]: "email",
  [Channel.WEB]: "web",
};

const byName = new Map<string, Channel>(Object.entries(names).map(([channel, name]) => [name, Number(channel) as Channel]));

/** Every channel that exists, in the order in which decisions list them. */
export const channels: readonly Channel[] = [...byName.values()];

/** Their names, in the same order. */
export const channelNames: readonly string[] = [...byName.keys()];

/** "email" for EMAIL; "" for one that this version does not know. */
export const nameOfChannel = (channel: Channel): string => (names as Readonly<Record<number, string>>)[channel] ?? "";

/** EMAIL for "email", "EMAIL" and "CHANNEL_EMAIL"; undefined for anything else. */
export const channelNamed = (text: string): Channel | undefined => byName.get(plain(text));

const plain = (text: string) =>
  text
    .trim()
    .toLowerCase()
    .replace(/^channel_/, "");
