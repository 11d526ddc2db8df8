/** Opens the session of cassandra.ts. */
import type { Cassandra, CassandraNeeds } from "./cassandra.ts";
import { connect, DEADLINE_MS } from "./connect.ts";
import { cassandraProblem } from "./errors.ts";
import { watchHealth } from "./health.ts";
import { cassandraMetrics } from "./metrics.ts";
import { migrate, prepareMigrations, readAVersion } from "./migrations.ts";
import { requests } from "./requests.ts";
import { Turns } from "./turns.ts";

const MOST_REQUESTS = 256;
/** For each that may be under way so many may wait. */
const WAITING_EACH = 40;

/** Rejects with a CassandraRefusal where waiting for the cluster would not help. */
export async function openCassandra(needs: CassandraNeeds): Promise<Cassandra> {
  const { clock, logger, deadlineMs = DEADLINE_MS, mostRequests = MOST_REQUESTS } = needs;
  const client = await connect(needs);
  const changing = { client, clock, logger, ...(needs.signal && { signal: needs.signal }) };
  await prepareMigrations(changing).catch(async (error: unknown) => {
    await client.shutdown();
    throw cassandraProblem(error);
  });
  const turns = new Turns({ atOnce: mostRequests, mostWaiting: mostRequests * WAITING_EACH, deadlineMs });
  const hosts = () => ({
    known: client.hosts.values().filter(({ datacenter }) => datacenter === needs.localDataCenter).length,
    connected: client.getState().getConnectedHosts().length,
  });
  const observe = cassandraMetrics({ turns, hosts }, needs.metrics);
  const closing = new AbortController();
  const health = watchHealth(() => readAVersion(client), { clock, logger, signal: closing.signal });

  return {
    async cql(file) {
      await migrate(file, changing).catch((error: unknown) => {
        throw cassandraProblem(error);
      });
      return requests(file, { client, turns, observe });
    },
    health,
    async close() {
      closing.abort();
      await client.shutdown();
    },
  };
}
