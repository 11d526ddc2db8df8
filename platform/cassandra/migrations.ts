/**
 * Brings a keyspace up to the schema of a .cql file: `schema-1`, `schema-2`, …, one program at a time, each statement agreed on by all
 * hosts before the next one.
 *
 * The lock is a row that ends by itself, so what a program leaves half done the next one finishes: a version is written after all of its
 * statements, and each of those may be run again.
 */
import { type Client, types } from "cassandra-driver";
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import { migrationsOf, storeOf } from "#platform/sql/migrations.ts";
import { readStatements } from "#platform/sql/statements.ts";
import { uuidv5, uuidv7 } from "#platform/uuid.ts";
import { CassandraRefusal, unavailable } from "./errors.ts";

const own = readStatements(new URL("./migrations.cql", import.meta.url));
const statement = (name: string): string => own.get(name) as string;

const LOCK = "schema";
/** Longer than one statement with its agreement takes. */
const LOCK_SECONDS = 60;
const LOOK_AGAIN_MS = 500;
const AGREE_WITHIN_MS = 30_000;

interface MigrationNeeds {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal?: AbortSignal;
}

export async function migrate(file: URL, needs: MigrationNeeds): Promise<void> {
  const migrations = migrationsOf(file);
  // The folder and the file: the same wherever the program is installed.
  const store = storeOf(file);
  if (isCurrent(store, await versionOf(store, needs.client), migrations)) return;
  await locked(needs, async (keep) => {
    for (let version = await versionOf(store, needs.client); !isCurrent(store, version, migrations); version++) {
      for (const text of splitStatements(migrations[version] as string)) {
        await keep();
        await change(text, needs);
      }
      await needs.client.execute(statement("set-version"), [store, version + 1], { prepare: true, isIdempotent: true });
    }
  });
}

const splitStatements = (text: string): string[] =>
  text
    .replaceAll(/^--.*$/gm, "")
    .split(/;\s*(?:\n|$)/)
    .map((each) => each.trim())
    .filter((each) => each !== "");

function isCurrent(store: string, version: number, { length: known }: readonly string[]): boolean {
  if (version > known)
    throw new CassandraRefusal(
      `The keyspace was written by a newer version of this program (${store} is at ${version}, this one knows ${known}). ` +
        "Start the newer version, or restore a backup.",
    );
  return version === known;
}

async function versionOf(store: string, client: Client): Promise<number> {
  const { rows } = await client.execute(statement("version"), [store], { prepare: true, isIdempotent: true });
  return Number(rows[0]?.version ?? 0);
}

/** A question that a quorum must answer. */
export const readAVersion = (client: Client): Promise<unknown> => versionOf("none", client);

/** The tables of migrations.cql, before anything else is asked. */
export async function prepareMigrations(needs: MigrationNeeds): Promise<void> {
  const { client } = needs;
  for (const [name, table] of [
    ["create-versions", "schema_versions"],
    ["create-locks", "locks"],
  ] as const) {
    if (await client.metadata.getTable(client.keyspace, table)) continue;
    await change(statement(name).replace("$id", uuidv5(`${client.keyspace}.${table}`)), needs);
  }
  await untilThere(needs);
}

/** A host that several programs give tables to at once may say for a moment that one is not there. */
async function untilThere({ client, clock, signal }: MigrationNeeds): Promise<void> {
  const look = () =>
    Promise.all([versionOf("none", client), client.execute(statement("holder"), [LOCK], { prepare: true, isIdempotent: true })]);
  const untilMs = clock.nowMs() + AGREE_WITHIN_MS;
  for (;;) {
    try {
      await look();
      return;
    } catch (error) {
      if (!/does not exist|unconfigured table|unknown CF/i.test(String(error)) || clock.nowMs() > untilMs) throw error;
    }
    await clock.sleep(LOOK_AGAIN_MS, signal);
    signal?.throwIfAborted();
  }
}

async function change(text: string, { client, clock, logger, signal }: MigrationNeeds): Promise<void> {
  // The driver waits ten seconds for agreement, and goes on without it.
  await client.execute(text, [], { prepare: false, isIdempotent: true });
  const metadata = client.metadata as typeof client.metadata & { checkSchemaAgreement(): Promise<boolean> };
  const untilMs = clock.nowMs() + AGREE_WITHIN_MS;
  while (!(await metadata.checkSchemaAgreement())) {
    if (clock.nowMs() > untilMs) throw unavailable(new Error("the hosts do not agree on the schema"));
    logger.warn("waiting for Cassandra's hosts to agree on the schema");
    await clock.sleep(LOOK_AGAIN_MS, signal);
    signal?.throwIfAborted();
  }
}

/** Over all data centers, since a schema is everybody's. */
const alone = { prepare: true, consistency: types.consistencies.quorum, serialConsistency: types.consistencies.serial };

async function locked(needs: MigrationNeeds, work: (keep: () => Promise<void>) => Promise<void>): Promise<void> {
  const { client, clock, logger, signal } = needs;
  const holder = uuidv7(clock.nowMs());
  const hold = async (name: string, params: readonly unknown[]) => (await client.execute(statement(name), params, alone)).wasApplied();
  for (let tries = 0; !(await hold("lock", [LOCK, holder, LOCK_SECONDS])); tries++) {
    // Of a lock that was given to us without our hearing of it we are the holder as well.
    if (await hold("keep", [LOCK_SECONDS, holder, LOCK, holder])) break;
    if (tries === 0) logger.info("waiting for another process, which changes the schema in Cassandra");
    await clock.sleep(LOOK_AGAIN_MS, signal);
    signal?.throwIfAborted();
  }
  try {
    await work(async () => {
      if (!(await hold("keep", [LOCK_SECONDS, holder, LOCK, holder])))
        throw unavailable(new Error("another process has begun to change the schema"));
    });
  } finally {
    // It ends by itself where this cannot be done.
    await hold("unlock", [LOCK, holder]).catch(() => false);
  }
}
