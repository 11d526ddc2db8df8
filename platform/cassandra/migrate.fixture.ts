/** A process that brings a keyspace up to a .cql file, says so, and ends. Arguments: contact point, keyspace, the file's URL. */
import pino from "pino";
import { systemClock } from "#platform/clock.ts";
import { openCassandra } from "./open.ts";

const [contactPoint = "", keyspace = "", file = ""] = process.argv.slice(2);
try {
  const cassandra = await openCassandra({
    ...{ contactPoints: [contactPoint], localDataCenter: "datacenter1", keyspace, createWithReplicas: 1 },
    ...{ clock: systemClock, logger: pino({ level: "silent" }) },
  });
  await cassandra.cql(new URL(file));
  await cassandra.close();
  console.log("migrated");
} catch (error) {
  console.log(String(error));
  process.exit(1);
}
