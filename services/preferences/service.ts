/** PreferencesService: what proto/carillon/preferences/v1 promises, over the store. */
import type { ServiceImpl } from "@connectrpc/connect";
import { normaliseEmail } from "#domain/channels/email.ts";
import { type QuietHours, quietHoursFault } from "#domain/decide/quiet-hours.ts";
import { isTimeZone } from "#domain/decide/zone.ts";
import { notFound, Problem } from "#domain/errors.ts";
import { normaliseLocale } from "#domain/locale.ts";
import type { PreferencesService, Weekday } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import type { CategoryStore } from "./categories.ts";
import type { Erasing } from "./erasing.ts";
import type { Choice, KnownPerson, PersonRecord, PreferenceStore } from "./store.ts";
import { reachedBy, type SuppressingNeeds, suppressing, suppressionOf } from "./suppressing.ts";

/** Enough for every category of a product; a person with more is a loop somewhere. */
const MAX_CHOICES = 500;
const PEOPLE_AT_ONCE = 20;
/** As many as a person may have choices for. */
const MAX_CATEGORIES = MAX_CHOICES;

const personOf = ({ createdAtMs, updatedAtMs, ...known }: PersonRecord) => ({
  ...known,
  createdAtMs: BigInt(createdAtMs),
  updatedAtMs: BigInt(updatedAtMs),
});

const categoriesOf = (choices: readonly Choice[]) =>
  choices.map(({ mutedUntilMs, channels, ...choice }) => ({ ...choice, channels: [...channels], mutedUntilMs: BigInt(mutedUntilMs) }));

const quietHoursOf = (hours: QuietHours | undefined) => (hours ? { quietHours: { ...hours, days: [...hours.days] as Weekday[] } } : {});

function emailOf(text: string): string {
  const email = text === "" ? "" : normaliseEmail(text);
  return email ?? refuse("email", "must be one email address like ann@example.com");
}

const localeOf = (text: string): string => normaliseLocale(text) ?? refuse("locale", "must be a BCP 47 tag like pt-BR");

function refuse(field: string, description: string): never {
  throw new Problem("INVALID_REQUEST", { violations: [{ field, description }] });
}

function checkTimeZone(name: string): void {
  if (!isTimeZone(name)) refuse("time_zone", "must be the IANA name of a time zone like Europe/Vienna");
}

export interface PreferencesNeeds extends SuppressingNeeds {
  readonly people: PreferenceStore;
  readonly categories: CategoryStore;
  readonly erase: Erasing["erase"];
}

export function preferencesService(needs: PreferencesNeeds): ServiceImpl<typeof PreferencesService> {
  const { people: store, categories, suppressions, clock } = needs;
  const findOne = async (environment: string, userId: string): Promise<KnownPerson | undefined> =>
    (await store.find(environment, [userId]))[0];

  return {
    ...suppressing(needs),

    async upsertPerson({ userId, email, name, locale, timeZone }, context) {
      if (timeZone !== undefined) checkTimeZone(timeZone);
      const change = {
        userId,
        email: email === undefined ? undefined : emailOf(email),
        name,
        locale: locale && localeOf(locale),
        timeZone,
      };
      const [person] = await store.upsert(principalOf(context).environment, [change], clock.nowMs());
      return { person: personOf(person as PersonRecord) };
    },

    async getPerson({ userId }, context) {
      const known = await findOne(principalOf(context).environment, userId);
      if (!known) throw notFound("such person");
      return { person: personOf(known.person) };
    },

    async findPeople({ prefix, limit }, context) {
      return { people: (await store.search(principalOf(context).environment, prefix, limit || PEOPLE_AT_ONCE)).map(personOf) };
    },

    async getPreferences({ userId }, context) {
      const known = await findOne(principalOf(context).environment, userId);
      return {
        categories: categoriesOf(known?.choices ?? []),
        ...quietHoursOf(known?.quietHours),
        timeZone: known?.person.timeZone ?? "",
      };
    },

    async setCategoryPreference({ userId, preference }, context) {
      if (!preference) return refuse("preference", "is required: the choice to set");
      const { environment } = principalOf(context);
      const { category, muted, mutedUntilMs, channels } = preference;
      const choice = { category, muted, mutedUntilMs: Number(mutedUntilMs), channels };
      const [chosen] = await store.choose(environment, [{ userId, choice }], MAX_CHOICES, clock.nowMs());
      if (!chosen)
        refuse(
          "preference.category",
          `must be one of the ${MAX_CHOICES} categories that the person has choices for already; no more are kept`,
        );
      return { categories: categoriesOf((await findOne(environment, userId))?.choices ?? []) };
    },

    async setQuietHours({ userId, quietHours, timeZone }, context) {
      const { environment } = principalOf(context);
      if (timeZone !== "") checkTimeZone(timeZone);
      const fault = quietHours && quietHoursFault(quietHours);
      if (fault !== undefined) refuse("quiet_hours.end", fault);
      const known = await findOne(environment, userId);
      const zone = timeZone || (known?.person.timeZone ?? "");
      if (quietHours && zone === "")
        refuse("time_zone", "is required: none is known of the person, and quiet hours count in it; an IANA name like Europe/Vienna");
      const hours = quietHours && { start: quietHours.start, end: quietHours.end, days: [...quietHours.days].sort() };
      await store.setQuietHours(environment, { userId, hours, timeZone: timeZone || undefined }, clock.nowMs());
      return { ...quietHoursOf(hours), timeZone: zone };
    },

    async erasePerson({ userId }, context) {
      const { atMs, done } = await needs.erase(principalOf(context).environment, userId);
      return { erasedAtMs: BigInt(atMs), done };
    },

    async setCategory({ category }, context) {
      if (!category) return refuse("category", "is required: the settings");
      const { name, atMostOnce } = category;
      if (!(await categories.set(principalOf(context).environment, { name, atMostOnce }, MAX_CATEGORIES)))
        refuse("category.name", `must be one of the ${MAX_CATEGORIES} categories that have settings already; no more are kept`);
      return { category: { name, atMostOnce } };
    },

    async listCategories(_request, context) {
      return { categories: [...(await categories.list(principalOf(context).environment))] };
    },

    async batchGetPreferences({ userIds, addresses, categories: names }, context) {
      const { environment } = principalOf(context);
      const known = userIds.length === 0 ? [] : await store.findOrCreate(environment, userIds, clock.nowMs());
      const [listed, settings] = await Promise.all([
        suppressions.among(environment, reachedBy(known, addresses)),
        categories.among(environment, names),
      ]);
      return {
        suppressions: listed.map(suppressionOf),
        categories: [...settings],
        people: known.map(({ person, choices, quietHours }) => ({
          person: personOf(person),
          categories: categoriesOf(choices),
          ...quietHoursOf(quietHours),
        })),
      };
    },
  };
}
