/**
 * A cache before a store, as a port: what was read is kept for a while, and gone once it is written.
 *
 * - `get` asks the store for what is not kept, and when the cache cannot be asked. It never answers anything that the store did not say.
 * - Of all who ask for the same at once, one asks the store.
 * - Every write goes through `change`. Once it has resolved, who asks is not answered what was there before, in another process within the
 *   moment that the news takes; a read that began earlier keeps nothing. If the cache could not be told of the write, it may answer what
 *   was before until it can, for as long as its time to live at most.
 * - What is not there (undefined) is not kept.
 */
export interface Cache<V> {
  /** One answer per key, in order. `load` answers one per missing key, in order; a key that comes twice is asked for once. */
  get<T extends V | undefined>(keys: readonly string[], load: (missing: readonly string[]) => Promise<readonly T[]>): Promise<T[]>;
  /** The answer of `write`. What was kept of the keys is gone, also when it rejects: then nobody knows what was written. */
  change<T>(keys: readonly string[], write: () => Promise<T>): Promise<T>;
}

export interface Codec<V> {
  encode(value: V): Uint8Array;
  /** Undefined: it is not of this key. What it throws counts as that. */
  decode(bytes: Uint8Array, key: string): V | undefined;
}
