/** The keyspace: found, made where that is asked for, or a sentence that says how to make it. */
import type { Client } from "cassandra-driver";
import { readStatements } from "#platform/sql/statements.ts";
import type { CassandraOptions } from "./cassandra.ts";
import { CassandraRefusal } from "./errors.ts";

const statements = readStatements(new URL("./keyspace.cql", import.meta.url));

const NAME = /^[a-z][a-z0-9_]{0,47}$/;
const DATA_CENTER = /^[\w.-]+$/;
const REPLICAS_OF_PRODUCTION = 3;

type Wanted = Pick<CassandraOptions, "keyspace" | "localDataCenter" | "createWithReplicas">;

export async function keyspaceFor(client: Client, wanted: Wanted, at: string): Promise<void> {
  const { keyspace, localDataCenter, createWithReplicas } = wanted;
  if (!NAME.test(keyspace))
    throw new CassandraRefusal(
      `Cassandra's keyspace "${keyspace}" must be a lower-case letter, then up to 47 such letters, digits and underscores.`,
    );
  if (!DATA_CENTER.test(localDataCenter))
    throw new CassandraRefusal(`Cassandra's data center "${localDataCenter}" must be letters, digits, dots and dashes.`);
  const { rowLength } = await client.execute(statements.get("find") as string, [keyspace], { prepare: true, isIdempotent: true });
  if (rowLength > 0) return;
  if (createWithReplicas === undefined)
    throw new CassandraRefusal(
      `Cassandra at ${at} has no keyspace "${keyspace}". Create it: ${creating(wanted, REPLICAS_OF_PRODUCTION).trim()}`,
    );
  await client.execute(creating(wanted, createWithReplicas), [], { prepare: false, isIdempotent: true });
}

const creating = ({ keyspace, localDataCenter }: Wanted, replicas: number): string =>
  (statements.get("create") as string)
    .replace("$keyspace", keyspace)
    .replace("$dataCenter", localDataCenter)
    .replace("$replicas", String(replicas));
