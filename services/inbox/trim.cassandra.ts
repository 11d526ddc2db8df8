/**
 * What a write pushes out of a person's inbox in Cassandra: nothing most of the time, then a hundred rows at once. Until then readers pass
 * over what is beyond the kept rows.
 */
import type { Asked, Cql } from "#platform/cassandra/cassandra.ts";
import type { Person } from "./store.cassandra.ts";
import type { NewRow } from "./store.ts";

const AT_ONCE = 100n;

interface Pushing {
  readonly rows: readonly NewRow[];
  /** The highest seq that is not kept, before and after. */
  readonly from: bigint;
  readonly to: bigint;
}

/** To be part of the write. */
export async function pushedOut(cql: Cql, { environment, userId }: Person, { rows, from, to }: Pushing): Promise<Asked[]> {
  if (to <= 0n || to / AT_ONCE === (from > 0n ? from : 0n) / AT_ONCE) return [];
  const person = [environment, userId];
  const old = await cql.read("oldest", [...person, to]);
  const leading = async (name: "places" | "newest", ids: readonly string[], written: readonly string[]): Promise<string[]> => {
    const fresh = new Set(written);
    const found = ids.length > 0 ? await cql.read(name, [...person, [...new Set(ids)]]) : [];
    // What came again stands further up now; of a write and a delete in one batch the delete would win.
    return found.filter(({ id, at }) => at !== null && (at as bigint) <= to && !fresh.has(id as string)).map(({ id }) => id as string);
  };
  const places = await leading(
    "places",
    old.map(({ delivery_id }) => delivery_id as string),
    rows.map(({ deliveryId }) => deliveryId),
  );
  const newest = await leading(
    "newest",
    old.map(({ notification_id }) => notification_id as string),
    rows.map(({ notificationId }) => notificationId),
  );
  return [
    { name: "drop-messages", params: [...person, to] },
    ...places.map((id): Asked => ({ name: "drop-place", params: [...person, id] })),
    ...newest.map((id): Asked => ({ name: "drop-newest", params: [...person, id] })),
  ];
}
