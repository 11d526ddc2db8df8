/**
 * People and what they want to hear, read through a cache: `find` and `findOrCreate` by id are what the dispatcher asks for every batch.
 *
 * A search is answered by the store. So is a person whom nobody knows yet: that is not kept.
 */
import type { Cache, Codec } from "#platform/cache/cache.ts";
import type { KnownPerson, PreferenceStore } from "./store.ts";

export const PREFERENCES_KEPT_MS = 5 * 60_000;

const keyOf = (environment: string, userId: string) => `${environment}/${userId}`;

/** Redis keeps keys as UTF-8, in which ids that are no valid text may look alike: what is kept names its person. */
export const knownPersonCodec: Codec<KnownPerson> = {
  encode: (known) => Buffer.from(JSON.stringify(known)),
  decode(bytes, key) {
    const { person, choices, quietHours } = JSON.parse(Buffer.from(bytes).toString()) as KnownPerson;
    return key.slice(key.indexOf("/") + 1) === person.userId ? { person, choices, quietHours } : undefined;
  },
};

export function cachedPreferenceStore(store: PreferenceStore, cache: Cache<KnownPerson>): PreferenceStore {
  const keysOf = (environment: string, userIds: readonly string[]) => userIds.map((userId) => keyOf(environment, userId));
  const idsOf = (environment: string, keys: readonly string[]) => keys.map((key) => key.slice(keyOf(environment, "").length));
  const changing = <T>(environment: string, changes: readonly { readonly userId: string }[], write: () => Promise<T>) =>
    cache.change(
      changes.map(({ userId }) => keyOf(environment, userId)),
      write,
    );
  return {
    find: (environment, userIds) =>
      cache.get(keysOf(environment, userIds), (missing) => store.find(environment, idsOf(environment, missing))),
    findOrCreate: (environment, userIds, nowMs) =>
      cache.get(keysOf(environment, userIds), (missing) => store.findOrCreate(environment, idsOf(environment, missing), nowMs)),
    search: store.search,
    upsert: (environment, changes, nowMs) => changing(environment, changes, () => store.upsert(environment, changes, nowMs)),
    choose: (environment, choices, maxChoices, nowMs) =>
      changing(environment, choices, () => store.choose(environment, choices, maxChoices, nowMs)),
    erase: (environment, userId, nowMs) => changing(environment, [{ userId }], () => store.erase(environment, userId, nowMs)),
    finishErasure: (erasure) => changing(erasure.environment, [erasure], () => store.finishErasure(erasure)),
    erasures: store.erasures,
    setQuietHours: (environment, change, nowMs) => changing(environment, [change], () => store.setQuietHours(environment, change, nowMs)),
  };
}
