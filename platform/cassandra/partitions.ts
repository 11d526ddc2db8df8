/** Rows gathered by the partition they go to, and written a few requests a partition: a row in a batch costs a third of one alone. */
import type { Asked, Cql } from "./cassandra.ts";

/** What one request holds at most; the server refuses above some megabytes. */
const ROWS_OF_A_REQUEST = 100;
const BYTES_OF_A_REQUEST = 512 * 1_024;

export class Partitions {
  readonly #requests: Asked[][] = [];
  readonly #open = new Map<string, { readonly rows: Asked[]; bytes: number }>();

  /** `partition` tells the partitions of this gathering apart. `bytes`: of what is large in the row. */
  add(partition: string, row: Asked, bytes = 0): void {
    let request = this.#open.get(partition);
    if (request === undefined || request.rows.length >= ROWS_OF_A_REQUEST || request.bytes + bytes > BYTES_OF_A_REQUEST) {
      request = { rows: [], bytes: 0 };
      this.#open.set(partition, request);
      this.#requests.push(request.rows);
    }
    request.rows.push(row);
    request.bytes += bytes;
  }

  /** Resolves when all are written. Some may be when it rejects. */
  async write(cql: Cql): Promise<void> {
    await Promise.all(this.#requests.map((rows) => cql.write(rows)));
  }
}
