/** PreferencesService: what proto/carillon/preferences/v1 promises, over the store. */
import type { ServiceImpl } from "@connectrpc/connect";
import { normaliseEmail } from "#domain/channels/email.ts";
import { Problem } from "#domain/errors.ts";
import type { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import type { Choice, KnownPerson, PersonRecord, PreferenceStore } from "./store.ts";

/** Enough for every category of a product; a person with more is a loop somewhere. */
const MAX_CHOICES = 500;
const PEOPLE_AT_ONCE = 20;

const personOf = ({ createdAtMs, updatedAtMs, ...known }: PersonRecord) => ({
  ...known,
  createdAtMs: BigInt(createdAtMs),
  updatedAtMs: BigInt(updatedAtMs),
});

const categoriesOf = (choices: readonly Choice[]) => choices.map((choice) => ({ ...choice, channels: [...choice.channels] }));

function emailOf(text: string): string {
  const email = text === "" ? "" : normaliseEmail(text);
  if (email === undefined)
    throw new Problem("INVALID_REQUEST", {
      violations: [{ field: "email", description: "must be one email address like ann@example.com" }],
    });
  return email;
}

export function preferencesService(store: PreferenceStore, clock: Clock): ServiceImpl<typeof PreferencesService> {
  const findOne = async (environment: string, userId: string): Promise<KnownPerson | undefined> =>
    (await store.find(environment, [userId]))[0];

  return {
    async upsertPerson({ userId, email, name, locale }, context) {
      const change = { userId, email: email === undefined ? undefined : emailOf(email), name, locale };
      const [person] = await store.upsert(principalOf(context).environment, [change], clock.nowMs());
      return { person: personOf(person as PersonRecord) };
    },

    async getPerson({ userId }, context) {
      const known = await findOne(principalOf(context).environment, userId);
      if (!known) throw new Problem("NOT_FOUND");
      return { person: personOf(known.person) };
    },

    async findPeople({ prefix, limit }, context) {
      return { people: (await store.search(principalOf(context).environment, prefix, limit || PEOPLE_AT_ONCE)).map(personOf) };
    },

    async getPreferences({ userId }, context) {
      const known = await findOne(principalOf(context).environment, userId);
      return { categories: categoriesOf(known?.choices ?? []) };
    },

    async setCategoryPreference({ userId, preference }, context) {
      if (!preference)
        throw new Problem("INVALID_REQUEST", { violations: [{ field: "preference", description: "is required: the choice to set" }] });
      const { environment } = principalOf(context);
      const { category, muted, channels } = preference;
      const [chosen] = await store.choose(environment, [{ userId, choice: { category, muted, channels } }], MAX_CHOICES, clock.nowMs());
      if (!chosen)
        throw new Problem("INVALID_REQUEST", {
          violations: [
            {
              field: "preference.category",
              description: `must be one of the ${MAX_CHOICES} categories that the person has choices for already; no more are kept`,
            },
          ],
        });
      return { categories: categoriesOf((await findOne(environment, userId))?.choices ?? []) };
    },

    async batchGetPreferences({ userIds }, context) {
      const known = await store.findOrCreate(principalOf(context).environment, userIds, clock.nowMs());
      return { people: known.map(({ person, choices }) => ({ person: personOf(person), categories: categoriesOf(choices) })) };
    },
  };
}
