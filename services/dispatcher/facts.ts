/** The dispatcher's facts: everything known of the people and addresses of a batch, asked for once per environment. */

import { create } from "@bufbuild/protobuf";
import type { PersonFacts } from "#domain/decide/decide.ts";
import { factsOf } from "#domain/decide/facts.ts";
import { type Suppression, suppressionsOf } from "#domain/decide/suppression.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import type { NotificationPrioritized } from "#gen/carillon/event/v1/event_pb.ts";
import { PreferencesService, SuppressedSchema } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Given } from "#platform/host.ts";
import { erasedAmong } from "#platform/ledger/erasures.ts";

const MOST = 1_000;

/** What the dispatcher decides by, and the locale that the person reads, empty where it is not known. */
export interface KnownFacts extends PersonFacts {
  readonly locale: string;
}

export interface Facts {
  /** Undefined for a bare address. */
  of(value: NotificationPrioritized): KnownFacts | undefined;
  /** Who of the environment's people and addresses in the batch is on the suppression list. */
  suppressions(environment: string): readonly Suppression[];
  /** Whether what it becomes may be sent at most once, as its category says. */
  isAtMostOnce(value: NotificationPrioritized): boolean;
  /** Whether the person was erased after it had been accepted: then nothing else is known of them. */
  isErased(value: NotificationPrioritized): boolean;
}

interface Wanted {
  readonly userIds: Set<string>;
  /** Beside those of the people. */
  readonly emails: Set<string>;
  readonly categories: Set<string>;
}

export async function gatherFacts(given: Pick<Given, "client" | "ledger">, values: readonly NotificationPrioritized[]): Promise<Facts> {
  const erased = await erasedAmong(given.ledger, values);
  const wanted = new Map<string, Wanted>();
  for (const value of values) {
    const { environment, userId, email, category } = value;
    // Asked about, they would be made anew.
    if (erased.has(value)) continue;
    const its = wanted.get(environment) ?? { userIds: new Set(), emails: new Set(), categories: new Set() };
    wanted.set(environment, its);
    if (userId !== "") its.userIds.add(userId);
    if (email !== "") its.emails.add(email);
    its.categories.add(category);
  }
  const known = new Map<string, KnownFacts>();
  const once = new Set<string>();
  const listed = new Map<string, Suppression[]>();
  for (const [environment, its] of wanted) {
    const [people, addresses, categories] = [[...its.userIds], [...its.emails], [...its.categories]];
    for (let from = 0; from < Math.max(people.length, addresses.length, categories.length); from += MOST) {
      const some = people.slice(from, from + MOST);
      const answer = await given.client(PreferencesService, environment).batchGetPreferences({
        userIds: some,
        addresses: addresses.slice(from, from + MOST).map((address) => create(SuppressedSchema, { channel: Channel.EMAIL, address })),
        categories: categories.slice(from, from + MOST),
      });
      for (const [index, person] of answer.people.entries())
        known.set(`${environment}/${some[index]}`, { ...factsOf(person), locale: person.person?.locale ?? "" });
      for (const { name, atMostOnce } of answer.categories) if (atMostOnce) once.add(`${environment}/${name}`);
      listed.set(environment, [...(listed.get(environment) ?? []), ...suppressionsOf(answer.suppressions)]);
    }
  }
  return {
    of: ({ environment, userId }) => known.get(`${environment}/${userId}`),
    suppressions: (environment) => listed.get(environment) ?? [],
    isAtMostOnce: ({ environment, category }) => once.has(`${environment}/${category}`),
    isErased: (value) => erased.has(value),
  };
}
