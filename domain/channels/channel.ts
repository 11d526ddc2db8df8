/**
 * The channels that exist, and their names: "email" in ids, metrics and text, EMAIL in the enum; either is understood from callers.
 *
 * A channel of the contract that is missing from the table below fails to compile.
 */
import { distance } from "fastest-levenshtein";
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

/** The name that was probably meant, for "Did you mean …?"; undefined when nothing is near. */
export function nearestChannelName(text: string): string | undefined {
  const written = plain(text);
  const near = channelNames
    .map((name) => ({ name, apart: distance(written, name) }))
    .filter(({ name, apart }) => apart <= Math.ceil(name.length / 3) || (written.length > name.length && written.includes(name)))
    .sort((a, b) => a.apart - b.apart);
  return near[0]?.name;
}

const plain = (text: string) =>
  text
    .trim()
    .toLowerCase()
    .replace(/^channel_/, "");
