/**
 * Rows gathered by the partition they go to, and written in few requests: a row in a batch costs a third of one alone.
 *
 * Small partitions share a request where the same host holds them, so that it need not pass them on. Such a request stays below what
 * Cassandra warns of by default (5 KiB, ten partitions); a partition with more than that has requests of its own, which it does not count.
 */
import type { Asked, Cql, Param } from "./cassandra.ts";

const ROWS_OF_A_PARTITION = 100;
const BYTES_OF_A_PARTITION = 512 * 1_024;
const SHARED_PARTITIONS = 10;
const SHARED_BYTES = 4_800;
/** What the server counts of a row besides its values: write time and TTL of the row and of its cells. */
const ROW_BYTES = 32;
const NUMBER_BYTES = 8;

interface Gathering {
  readonly key: readonly Param[];
  readonly rows: Asked[];
  bytes: number;
}

interface Shared {
  readonly rows: Asked[];
  partitions: number;
  bytes: number;
}

export class Partitions {
  readonly #open = new Map<string, Gathering>();
  readonly #full: Gathering[] = [];

  /** `key`: what the partition is known by in its table. */
  add(table: string, key: readonly Param[], row: Asked): void {
    const name = `${table}\u001f${key.join("\u001f")}`;
    const bytes = sizeOf(row);
    let gathering = this.#open.get(name);
    if (gathering === undefined || gathering.rows.length >= ROWS_OF_A_PARTITION || gathering.bytes + bytes > BYTES_OF_A_PARTITION) {
      if (gathering) this.#full.push(gathering);
      gathering = { key, rows: [], bytes: 0 };
      this.#open.set(name, gathering);
    }
    gathering.rows.push(row);
    gathering.bytes += bytes;
  }

  /** Resolves when all are written. Some may be when it rejects. */
  async write(cql: Cql): Promise<void> {
    const requests: Asked[][] = this.#full.map(({ rows }) => rows);
    const homes = new Map<string, Shared>();
    for (const { key, rows, bytes } of this.#open.values()) {
      if (bytes > SHARED_BYTES) {
        requests.push(rows);
        continue;
      }
      const home = cql.homeOf(key);
      let shared = homes.get(home);
      if (shared === undefined || shared.partitions >= SHARED_PARTITIONS || shared.bytes + bytes > SHARED_BYTES) {
        shared = { rows: [], partitions: 0, bytes: 0 };
        homes.set(home, shared);
        requests.push(shared.rows);
      }
      shared.rows.push(...rows);
      shared.partitions++;
      shared.bytes += bytes;
    }
    await Promise.all(requests.map((rows) => cql.write(rows)));
  }
}

function sizeOf({ params }: Asked): number {
  let bytes = ROW_BYTES;
  for (const param of params)
    bytes += typeof param === "string" ? param.length : param instanceof Uint8Array ? param.byteLength : NUMBER_BYTES;
  return bytes;
}
