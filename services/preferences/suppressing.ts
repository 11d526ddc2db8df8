/**
 * Suppressing: the list first, then the ledger, which from then on gives no send to whom it names a lease; then the answer.
 *
 * Killed in between, nobody has been told that it is done. A repeat tells the ledger too, also where the list had it already.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { channelAddress } from "#domain/channels/address.ts";
import { Problem } from "#domain/errors.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import {
  type PreferencesService,
  type Suppressed,
  SuppressionReason,
  type SuppressionSchema,
} from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { addressReached, personReached } from "#platform/ledger/reach.ts";
import { newestPage } from "#platform/page.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import type { KnownPerson } from "./store.ts";
import type { Entry, SuppressionStore, Who } from "./suppressions.ts";

export interface SuppressingNeeds {
  readonly suppressions: SuppressionStore;
  readonly ledger: Pick<Ledger, "suppress">;
  readonly clock: Clock;
}

type Suppressing = Pick<ServiceImpl<typeof PreferencesService>, "addSuppression" | "removeSuppression" | "listSuppressions">;

export const suppressing = ({ suppressions, ledger, clock }: SuppressingNeeds): Suppressing => ({
  async addSuppression({ who, reason }, context) {
    const { environment } = principalOf(context);
    const entry = await suppressions.add(environment, whoOf(who), reason, clock.nowMs());
    await ledger.suppress({ environment, whom: entry.whom, suppressed: true, atMs: entry.atMs });
    return { suppression: suppressionOf(entry) };
  },

  async removeSuppression({ who }, context) {
    const { environment } = principalOf(context);
    const { whom } = whoOf(who);
    const known = await suppressions.remove(environment, whom, clock.nowMs());
    if (known) await ledger.suppress({ environment, whom, suppressed: false, atMs: known.atMs });
    return { removed: known?.removed ?? false };
  },

  async listSuppressions({ who, reason, pageSize, pageToken }, context) {
    const { environment } = principalOf(context);
    if (who) {
      const found = await suppressions.among(environment, [whoOf(who).whom]);
      const wanted = found.filter((entry) => reason === SuppressionReason.UNSPECIFIED || entry.reason === reason);
      return { suppressions: wanted.map(suppressionOf), nextPageToken: "" };
    }
    const { page, nextPageToken } = await newestPage(
      { pageSize, pageToken },
      (after, limit) => suppressions.list(environment, reason, after, limit),
      ({ atMs, whom: id }) => ({ atMs, id }),
    );
    return { suppressions: page.map(suppressionOf), nextPageToken };
  },
});

export const suppressionOf = ({ userId, channel, address, reason, atMs }: Entry): MessageInitShape<typeof SuppressionSchema> => ({
  who: { userId, channel, address },
  reason,
  createdAtMs: BigInt(atMs),
});

/** Throws INVALID_REQUEST for an address that the channel cannot have. */
function whoOf(who: Suppressed | undefined): Who {
  const { userId = "", channel = 0, address = "" } = who ?? {};
  if (userId !== "") return { whom: personReached(userId), userId, channel: 0, address: "" };
  const known = channelAddress(channel, address);
  if (known === undefined)
    throw new Problem("INVALID_REQUEST", {
      violations: [{ field: "who.address", description: "must be one address of the channel, like ann@example.com for email" }],
    });
  return { whom: addressReached(channel, known), userId: "", channel, address: known };
}

/** By which names people, their addresses and further addresses are on the list. */
export const reachedBy = (people: readonly KnownPerson[], addresses: readonly Suppressed[]): string[] => [
  ...new Set([
    ...people.map(({ person }) => personReached(person.userId)),
    ...people.flatMap(({ person }) => (person.email === "" ? [] : [addressReached(Channel.EMAIL, person.email)])),
    ...addresses.map(({ channel, address }) => addressReached(channel, address)),
  ]),
];
