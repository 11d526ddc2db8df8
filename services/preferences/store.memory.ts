/** People and what they want to hear in memory, for tests and the simulation: as long as it is kept itself, it outlives those who use it. */
import type { Choice, Erasure, KnownPerson, PersonChange, PersonRecord, PreferenceStore } from "./store.ts";

interface Kept {
  person: PersonRecord;
  choices: readonly Choice[];
  quietHours: KnownPerson["quietHours"];
}

const keyOf = (environment: string, userId: string) => JSON.stringify([environment, userId]);
const order = (one: string, other: string) => (one < other ? -1 : 1);

export function memoryPreferenceStore(): PreferenceStore {
  const environments = new Map<string, Map<string, Kept>>();
  const erasing = new Map<string, Erasure>();

  const peopleOf = (environment: string): Map<string, Kept> => {
    const people = environments.get(environment) ?? new Map<string, Kept>();
    environments.set(environment, people);
    return people;
  };
  const made = (environment: string, userId: string, nowMs: number): Kept => {
    const blank = { userId, email: "", name: "", locale: "", timeZone: "", createdAtMs: nowMs, updatedAtMs: nowMs };
    const kept = peopleOf(environment).get(userId) ?? { person: blank, choices: [], quietHours: undefined };
    peopleOf(environment).set(userId, kept);
    return kept;
  };
  const change = (environment: string, { userId, ...fields }: PersonChange, nowMs: number): Kept => {
    const kept = made(environment, userId, nowMs);
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    const isChanged = given.some(([field, value]) => kept.person[field as keyof PersonRecord] !== value);
    if (isChanged) kept.person = { ...kept.person, ...Object.fromEntries(given), updatedAtMs: nowMs };
    return kept;
  };

  return {
    upsert: async (environment, changes, nowMs) => changes.map((each) => change(environment, each, nowMs).person),
    find: async (environment, userIds) => userIds.map((userId) => known(peopleOf(environment).get(userId))),
    async search(environment, prefix, limit) {
      const isEmail = ({ email }: PersonRecord) => email.toLowerCase().startsWith(prefix.toLowerCase());
      return [...peopleOf(environment).values()]
        .map(({ person }) => person)
        .filter((person) => person.userId.startsWith(prefix) || isEmail(person))
        .sort((one, other) => order(one.userId, other.userId))
        .slice(0, limit);
    },
    findOrCreate: async (environment, userIds, nowMs) => userIds.map((userId) => known(made(environment, userId, nowMs)) as KnownPerson),
    async choose(environment, choices, maxChoices, nowMs) {
      return choices.map(({ userId, choice }) => {
        const others = (peopleOf(environment).get(userId)?.choices ?? []).filter(({ category }) => category !== choice.category);
        if (others.length >= maxChoices) return false;
        made(environment, userId, nowMs).choices = [...others, choice].sort((one, other) => order(one.category, other.category));
        return true;
      });
    },
    async erase(environment, userId, nowMs) {
      peopleOf(environment).delete(userId);
      const earlier = erasing.get(keyOf(environment, userId));
      const atMs = Math.max(nowMs, (earlier?.atMs ?? Number.NEGATIVE_INFINITY) + 1);
      erasing.set(keyOf(environment, userId), { environment, userId, atMs });
      return atMs;
    },
    async finishErasure({ environment, userId, atMs }) {
      const kept = peopleOf(environment).get(userId);
      if (kept && isBlank(kept)) peopleOf(environment).delete(userId);
      if (erasing.get(keyOf(environment, userId))?.atMs === atMs) erasing.delete(keyOf(environment, userId));
    },
    erasures: async (beforeMs, limit) => [...erasing.values()].filter(({ atMs }) => atMs < beforeMs).slice(0, limit),
    async setQuietHours(environment, { userId, hours, timeZone }, nowMs) {
      const kept = change(environment, { userId, timeZone }, nowMs);
      if (JSON.stringify(kept.quietHours) === JSON.stringify(hours)) return;
      kept.quietHours = hours;
      kept.person = { ...kept.person, updatedAtMs: nowMs };
    },
  };
}

const known = (kept: Kept | undefined): KnownPerson | undefined => kept && { ...kept };

const isBlank = ({ person: { email, name, locale, timeZone }, choices, quietHours }: Kept): boolean =>
  email + name + locale + timeZone === "" && choices.length === 0 && !quietHours;
