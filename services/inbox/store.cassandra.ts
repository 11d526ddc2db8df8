/**
 * The inbox in Cassandra: a person's rows of a batch are one conditional write, which raises the person's top from what it was read as.
 *
 * Where the condition does not hold, somebody else has written; where no answer comes, perhaps we have. Either way the person is read
 * again, serially, which also brings what is half done to its end: what stands there by then has its seq, the rest is tried again.
 */
import { randomBytes } from "node:crypto";
import { Problem } from "#domain/errors.ts";
import type { Asked, Cassandra, Row as CqlRow } from "#platform/cassandra/cassandra.ts";
import type { Clock } from "#platform/clock.ts";
import type { InboxStore, NewRow, Placed, Row } from "./store.ts";
import { pushedOut } from "./trim.cassandra.ts";

/** A person's newest rows that are kept; a cursor further back is told to start anew. */
const KEPT = 1_000;
/** Of one conditional write. */
const MOST_ROWS = 100;
/** Of rows: see store.cql. */
const KINDS = [0, 1, 2];
const MOST_TRIES = 20;
const MOST_PAUSE_MS = 200;

export interface InboxNeeds {
  readonly clock: Clock;
}

export interface Person {
  readonly environment: string;
  readonly userId: string;
}

/** What is read of a person before writing. */
interface Standing {
  /** Undefined for a person without rows. */
  readonly epoch: string | undefined;
  readonly top: bigint;
  /** Of the deliveries asked for, those that are among the rows. */
  readonly places: ReadonlyMap<string, Placed>;
}

export async function cassandraInboxStore(cassandra: Cassandra, { clock }: InboxNeeds, keep = KEPT): Promise<InboxStore> {
  const cql = await cassandra.cql(new URL("./store.cql", import.meta.url));
  const floorOf = (top: bigint): bigint => top - BigInt(keep);

  async function read({ environment, userId }: Person, deliveryIds: readonly string[], serial = false): Promise<Standing> {
    const rows = await cql.read("places", [environment, userId, ["", ...deliveryIds]], { serial });
    const [first] = rows;
    const top = (first?.top ?? 0n) as bigint;
    const epoch = first?.epoch as string | undefined;
    const kept = rows.filter(({ at }) => at !== null && (at as bigint) > floorOf(top));
    return { epoch, top, places: new Map(kept.map((row) => [row.id as string, placedOf(row)])) };
  }

  async function addTo(person: Person, rows: readonly NewRow[]): Promise<ReadonlyMap<string, Placed>> {
    const ids = [...new Set(rows.map(({ deliveryId }) => deliveryId))];
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      if (tries > 1) await clock.sleep(Math.min(2 ** tries, MOST_PAUSE_MS));
      const { epoch, top, places } = await read(person, ids, tries > 0);
      const fresh = [...new Map(rows.toReversed().map((row) => [row.deliveryId, row])).values()]
        .toReversed()
        .filter(({ deliveryId }) => !places.has(deliveryId));
      if (fresh.length === 0) return places;
      const began = epoch ?? randomBytes(6).toString("hex");
      const placed = fresh.map((row, nth) => ({ row, seq: top + BigInt(nth + 1) }));
      const raised = top + BigInt(fresh.length);
      const out = await pushedOut(cql, person, { rows: fresh, from: floorOf(top), to: floorOf(raised) });
      const head = epoch === undefined ? beginning(person, began, raised) : raising(person, { from: top, to: raised });
      if ((await cql.swap([...head, ...placed.flatMap(({ row, seq }) => putting(row, seq)), ...out])) === "done") {
        const now = placed.map(
          ({ row, seq }) => [row.deliveryId, { epoch: began, seq: Number(seq), createdAtMs: row.createdAtMs }] as const,
        );
        return new Map([...places, ...now]);
      }
    }
    throw busy();
  }

  return {
    async add(rows) {
      const found = new Map<string, ReadonlyMap<string, Placed>[]>();
      const byPerson = [...Map.groupBy(rows, keyOf)];
      await Promise.all(
        byPerson.map(async ([key, theirs]) => {
          const parts: ReadonlyMap<string, Placed>[] = [];
          for (let from = 0; from < theirs.length; from += MOST_ROWS)
            parts.push(await addTo(theirs[from] as NewRow, theirs.slice(from, from + MOST_ROWS)));
          found.set(key, parts);
        }),
      );
      return rows.map((row) => {
        const part = found.get(keyOf(row))?.find((each) => each.has(row.deliveryId));
        return part?.get(row.deliveryId) as Placed;
      });
    },

    async placed(deliveries) {
      const found = new Map<string, ReadonlyMap<string, Placed>>();
      await Promise.all(
        [...Map.groupBy(deliveries, keyOf)].map(async ([key, [first, ...more]]) => {
          if (first)
            found.set(
              key,
              (
                await read(
                  first,
                  [first, ...more].map(({ deliveryId }) => deliveryId),
                )
              ).places,
            );
        }),
      );
      return deliveries.map((delivery) => found.get(keyOf(delivery))?.get(delivery.deliveryId));
    },

    async box(environment, userId) {
      const { epoch = "", top } = await read({ environment, userId }, []);
      return { epoch, topSeq: Number(top) };
    },

    async after(environment, userId, seq, limit) {
      const from = async (start: bigint) => cql.read("after", [environment, userId, start, limit]);
      const rows = await from(BigInt(seq));
      const floor = floorOf((rows[0]?.top ?? 0n) as bigint);
      // What is pushed out is deleted a hundred at a time.
      return (rows[0] && (rows[0].seq as bigint) <= floor ? await from(floor) : rows).map(rowOf);
    },

    async erase(environment, userId) {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        if (tries > 1) await clock.sleep(Math.min(2 ** tries, MOST_PAUSE_MS));
        const { epoch, top } = await read({ environment, userId }, [], true);
        if (epoch === undefined) return;
        const kinds = KINDS.map((kind): Asked => ({ name: "drop-kind", params: [environment, userId, kind] }));
        if ((await cql.swap([{ name: "end", params: [environment, userId, top] }, ...kinds])) === "done") return;
      }
      throw busy();
    },

    async seqOf(environment, userId, notificationId) {
      const [row] = await cql.read("newest", [environment, userId, [notificationId]]);
      const isKept = row && (row.at as bigint) > floorOf(row.top as bigint);
      return isKept ? Number(row.at) : undefined;
    },
  };
}

const busy = () => new Problem("STORE_UNAVAILABLE", { cause: new Error("others write into the same inbox all the time") });

const keyOf = ({ environment, userId }: Person): string => `${environment}\u001f${userId}`;

const placedOf = ({ epoch, at, created_at_ms }: CqlRow): Placed => ({
  ...{ epoch: epoch as string, seq: Number(at), createdAtMs: Number(created_at_ms) },
});

const rowOf = (row: CqlRow): Row => ({
  seq: Number(row.seq),
  deliveryId: row.delivery_id as string,
  notificationId: row.notification_id as string,
  eventType: row.event_type as string,
  category: row.category as string,
  title: row.title as string,
  body: row.body as string,
  createdAtMs: Number(row.created_at_ms),
});

const beginning = ({ environment, userId }: Person, epoch: string, top: bigint): Asked[] => [
  { name: "begin", params: [epoch, top, environment, userId] },
  { name: "begin-places", params: [environment, userId] },
];

const raising = ({ environment, userId }: Person, { from, to }: { readonly from: bigint; readonly to: bigint }): Asked[] => [
  { name: "raise", params: [to, environment, userId, from] },
];

function putting(row: NewRow, seq: bigint): Asked[] {
  const { environment, userId, deliveryId, notificationId, eventType, category, title, body, createdAtMs } = row;
  const person = [environment, userId];
  return [
    { name: "put", params: [...person, seq, deliveryId, notificationId, eventType, category, title, body, BigInt(createdAtMs)] },
    { name: "put-place", params: [...person, deliveryId, seq, BigInt(createdAtMs)] },
    { name: "put-newest", params: [...person, notificationId, seq] },
  ];
}
