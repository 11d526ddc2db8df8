/**
 * Puts dead letters back into the log, whoever asked for it. What is known of their people and addresses is asked for all of them at once.
 *
 * Killed between this and the settling, a letter is on its way and still kept; a replay of it comes to the same.
 */
import { create } from "@bufbuild/protobuf";
import { factsOf } from "#domain/decide/facts.ts";
import { suppressionsOf } from "#domain/decide/suppression.ts";
import { Problem } from "#domain/errors.ts";
import type { Reason } from "#domain/reasons.ts";
import { PreferencesService, SuppressedSchema } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Given } from "#platform/host.ts";
import { erasedAmong } from "#platform/ledger/erasures.ts";
import type { RawDoor } from "#platform/raw/door.ts";
import { recipientIdsIn } from "./original.ts";
import { acceptedAtMsOf, deliveryOf, type FactsNow, replayed } from "./replay.ts";
import type { Letter } from "./store.ts";
import { STUCK, stuckAmong } from "./undecide.ts";

export interface PutBackNeeds extends Pick<Given, "log" | "ledger" | "clock" | "client"> {
  readonly door: RawDoor;
}

export interface PutBack {
  /** The ids of those that are on their way now. */
  readonly going: readonly string[];
  /** By id, why others must not be sent any more. */
  readonly refused: ReadonlyMap<string, Reason>;
}

/** What is longer is no address, and on no list. */
const MOST_ADDRESS_CHARS = 254;

/** Throws Problem while the log, the ledger, or who knows the people, cannot be reached. */
export const puttingBack =
  ({ log, ledger, clock, client, door }: PutBackNeeds) =>
  async (environment: string, letters: readonly Letter[], signal: AbortSignal): Promise<PutBack> => {
    const facts = await factsFor(letters);
    const stuck = await stuckAmong(ledger, letters, door);
    const nowMs = clock.nowMs();
    const planFor = (letter: Letter) => (stuck.has(letter) ? STUCK : replayed(letter, facts(letter), nowMs, door));
    const plans = letters.map((letter) => ({ id: letter.id, plan: planFor(letter) }));
    try {
      await log.append(plans.flatMap(({ plan }) => (typeof plan === "string" ? [] : plan)));
    } catch (cause) {
      // A replay has no key of its own: what is replayed twice is one send.
      throw new Problem("LOG_UNAVAILABLE", { message: "It is not known whether all were replayed. Repeat.", cause, retryAfterMs: 1_000 });
    }
    return {
      going: plans.flatMap(({ id, plan }) => (typeof plan === "string" ? [] : [id])),
      refused: new Map(plans.flatMap(({ id, plan }) => (typeof plan === "string" ? [[id, plan]] : []))),
    };

    async function factsFor(letters: readonly Letter[]): Promise<(letter: Letter) => FactsNow> {
      const deliveries = new Map(letters.map((letter) => [letter, deliveryOf(letter, door)]));
      const all = [...deliveries.values()].filter((delivery) => delivery !== undefined);
      const erased = await erasedOf(letters);
      if (all.length === 0) return (letter) => ({ person: undefined, suppressions: [], erased: erased.has(letter) });
      const asked = letters.flatMap((letter) => (erased.has(letter) ? [] : [deliveries.get(letter)?.userId ?? ""]));
      const userIds = [...new Set(asked.filter((userId) => userId !== ""))];
      const addresses = all.flatMap(({ channel, target }) =>
        target === "" || target.length > MOST_ADDRESS_CHARS ? [] : [create(SuppressedSchema, { channel, address: target })],
      );
      const known = await client(PreferencesService, environment).batchGetPreferences({ userIds, addresses }, { signal });
      const people = new Map(known.people.map((person, at) => [userIds[at] as string, factsOf(person)]));
      const suppressions = suppressionsOf(known.suppressions);
      return (letter) => {
        const delivery = deliveries.get(letter);
        return { person: people.get(delivery?.userId ?? ""), suppressions, erased: erased.has(letter) };
      };
    }

    /** Those that are for nobody who was not erased since. What is for others too goes, and is refused for the one by who decides. */
    async function erasedOf(letters: readonly Letter[]): Promise<ReadonlySet<Letter>> {
      const recipients = letters.flatMap((letter) => {
        const acceptedAtMs = acceptedAtMsOf(letter, door);
        return recipientIdsIn(letter, door).map((userId) => ({ letter, environment, userId, acceptedAtMs }));
      });
      const erased = await erasedAmong(ledger, recipients);
      const left = new Set(recipients.filter((each) => !erased.has(each)).map(({ letter }) => letter));
      return new Set([...erased].map(({ letter }) => letter).filter((letter) => !left.has(letter)));
    }
  };
