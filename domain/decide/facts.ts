/** What a decision has to know of a person, out of what the preferences answer. Pure. */
import type { PersonPreferences } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { PersonFacts } from "./decide.ts";

export const factsOf = ({ person, categories, quietHours }: PersonPreferences): PersonFacts => ({
  email: person?.email ?? "",
  categories: categories.map((each) => ({ ...each, mutedUntilMs: Number(each.mutedUntilMs) })),
  quietHours,
  timeZone: person?.timeZone ?? "",
});
