/** The dispatcher's facts: everything known of the people of a batch, asked for once per environment. */

import type { PersonFacts } from "#domain/decide/decide.ts";
import type { NotificationPrioritized } from "#gen/carillon/event/v1/event_pb.ts";
import { type PersonPreferences, PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Given } from "#platform/host.ts";

const MOST = 1_000;

type Facts = (value: NotificationPrioritized) => PersonFacts | undefined;

export async function gatherFacts(given: Pick<Given, "client">, values: readonly NotificationPrioritized[]): Promise<Facts> {
  const wanted = new Map<string, Set<string>>();
  for (const { environment, userId } of values) {
    if (userId === "") continue;
    const ids = wanted.get(environment) ?? new Set();
    wanted.set(environment, ids.add(userId));
  }
  const known = new Map<string, PersonFacts>();
  for (const [environment, ids] of wanted) {
    const all = [...ids];
    for (let from = 0; from < all.length; from += MOST) {
      const userIds = all.slice(from, from + MOST);
      const { people } = await given.client(PreferencesService, environment).batchGetPreferences({ userIds });
      for (const [index, person] of people.entries()) known.set(`${environment}/${userIds[index]}`, factsOf(person));
    }
  }
  return ({ environment, userId }) => known.get(`${environment}/${userId}`);
}

const factsOf = ({ person, categories }: PersonPreferences): PersonFacts => ({ email: person?.email ?? "", categories });
