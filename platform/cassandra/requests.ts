/** The named statements of a .cql file as requests to the cluster, each counted by how it ended. */
import { type Client, errors, types } from "cassandra-driver";
import { Problem } from "#domain/errors.ts";
import { readStatements } from "#platform/sql/statements.ts";
import type { Asked, Cql, Param, Row, Swapped } from "./cassandra.ts";
import { cassandraProblem } from "./errors.ts";
import type { Observe } from "./metrics.ts";
import { routingKey } from "./routing-key.ts";
import type { Turns } from "./turns.ts";

const ROWS_OF_A_PAGE = 1_000;

/** The driver takes no bytes but Buffers. */
const bound = (param: Param) => (param instanceof Uint8Array ? Buffer.from(param.buffer, param.byteOffset, param.byteLength) : param);

interface RequestNeeds {
  readonly client: Client;
  readonly turns: Turns;
  readonly observe: Observe;
}

export function requests(file: URL, { client, turns, observe }: RequestNeeds): Cql {
  const texts = readStatements(file);
  const textOf = (name: string): string => {
    const text = texts.get(name);
    if (text === undefined) throw new Error(`${file.pathname} has no statement named "${name}".`);
    return text;
  };
  const queriesOf = (asked: readonly Asked[]) => asked.map(({ name, params }) => ({ query: textOf(name), params: params.map(bound) }));

  async function timed<T>(request: "read" | "write" | "swap", ask: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const ended = (as: Parameters<Observe>[1]) => observe(request, as, (performance.now() - startedMs) / 1_000);
    try {
      const answer = await turns.run(ask);
      ended(answer === "refused" ? "refused" : answer === "unknown" ? "unavailable" : "done");
      return answer;
    } catch (error) {
      const problem = cassandraProblem(error);
      ended(problem instanceof Problem ? "unavailable" : "failed");
      throw problem;
    }
  }

  return {
    async read(name, params, { serial = false } = {}) {
      const options = {
        ...{ isIdempotent: true, prepare: true, fetchSize: ROWS_OF_A_PAGE },
        ...(serial && { consistency: types.consistencies.localSerial }),
      };
      const rows: Row[] = [];
      for (let pageState: string | undefined, first = true; first || pageState; first = false) {
        const result = await timed("read", () =>
          client.execute(textOf(name), params.map(bound), { ...options, ...(pageState && { pageState }) }),
        );
        // The driver's row has the columns as its own properties.
        for (const row of result.rows) rows.push(row as unknown as Row);
        pageState = result.pageState;
      }
      return rows;
    },

    async write(writes) {
      const options = { isIdempotent: true, prepare: true, logged: false };
      const [first, ...more] = queriesOf(writes);
      if (!first) return;
      if (more.length === 0) await timed("write", () => client.execute(first.query, first.params, options));
      else await timed("write", () => client.batch([first, ...more], options));
    },

    homeOf(partition) {
      if (client.hosts.length <= 1) return "";
      return client.getReplicas(client.keyspace, routingKey(partition))?.[0]?.address ?? "";
    },

    swap: (writes) =>
      timed("swap", async (): Promise<Swapped> => {
        try {
          const result = await client.batch(queriesOf(writes), { isIdempotent: false, prepare: true, logged: false });
          return result.wasApplied() ? "done" : "refused";
        } catch (error) {
          // Where no host could be asked, nothing was done.
          if (error instanceof errors.NoHostAvailableError || !(cassandraProblem(error) instanceof Problem)) throw error;
          return "unknown";
        }
      }),
  };
}
