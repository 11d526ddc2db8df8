/** The two people that a development environment starts with. Whoever is there already stays as they are. */
import type { Clock } from "#platform/clock.ts";
import { DEVELOPMENT } from "#platform/config/mode.ts";
import type { PersonChange, PreferenceStore } from "./store.ts";

const people: readonly PersonChange[] = [
  { userId: "ann", name: "Ann", email: "ann@example.test" },
  { userId: "bo", name: "Bo", email: "bo@example.test" },
];

export async function seedDevelopment(store: PreferenceStore, clock: Clock): Promise<void> {
  const known = await store.find(
    DEVELOPMENT,
    people.map(({ userId }) => userId),
  );
  const missing = people.filter((_, place) => !known[place]);
  if (missing.length > 0) await store.upsert(DEVELOPMENT, missing, clock.nowMs());
}
