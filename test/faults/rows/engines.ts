/** Engines that are gone, full, read-only, locked, empty or asleep. */
import { Redis } from "ioredis";
import { type Connection, createConnection, type RowDataPacket } from "mysql2/promise";
import { expect } from "vitest";
import type { Fault } from "../fault.ts";
import { UNDER_WAY } from "../load.ts";
import type { FaultMesh } from "../mesh.ts";

const GONE_MS = 15_000;
const BROKEN_MS = 8_000;
const DATABASE = "carillon";

const LEDGER_GONE = { repeats: UNDER_WAY, why: "sends that were unresolved when the ledger went away" };
const LEDGER_LOST = { repeats: UNDER_WAY, why: "the ledger itself lost data: at most window x partitions" };

const gone = (name: string, allowed?: Fault["allowed"]): Fault => ({
  name: `${name} of the mesh gone for 15 s at 40/s`,
  perSecond: 40,
  ...(allowed && { allowed }),
  steps: [
    {
      break: (mesh) => process.kill(mesh.pidOf(name), "SIGKILL"),
      lasts: { ms: GONE_MS },
      heal: (mesh) => mesh.engines.restart(name),
      afterwards: 400,
    },
  ],
});

const asleep = (name: string, allowed?: Fault["allowed"]): Fault => ({
  name: `SIGSTOP of ${name} for 15 s, then SIGCONT`,
  perSecond: 40,
  ...(allowed && { allowed }),
  steps: [
    {
      break: (mesh) => process.kill(mesh.pidOf(name), "SIGSTOP"),
      lasts: { ms: GONE_MS },
      heal: (mesh) => process.kill(mesh.pidOf(name), "SIGCONT"),
    },
  ],
});

type Side = "redisLedger" | "redisCache";
const SIDES: Readonly<Record<Side, string>> = { redisLedger: "the ledger's Redis", redisCache: "the cache's Redis" };
type Words = readonly [string, ...string[]];

/** As its operator would. */
async function tell({ engines }: FaultMesh, side: Side, ...commands: readonly Words[]): Promise<void> {
  const redis = new Redis(engines.addresses[side]);
  try {
    for (const [command, ...args] of commands) await redis.call(command, ...args);
  } finally {
    redis.disconnect();
  }
}

export const redisBroken = (side: Side, what: string, broken: Words, healed: Words): Fault => ({
  name: `${SIDES[side]} ${what} for 8 s`,
  perSecond: 40,
  steps: [{ break: (mesh) => tell(mesh, side, broken), lasts: { ms: BROKEN_MS }, heal: (mesh) => tell(mesh, side, healed) }],
});

const config = (name: string, value: string): Words => ["CONFIG", "SET", name, value];
export const full = (side: Side) =>
  redisBroken(side, "out of memory", config("maxmemory", "1"), config("maxmemory", side === "redisCache" ? "256mb" : "0"));

/** What everybody knew is gone, while they are connected. */
const flushed = (side: Side, allowed?: Fault["allowed"], mixed = false): Fault => ({
  name: `FLUSHALL of ${SIDES[side]}${mixed ? ", half of the mails at most once" : ""}`,
  ...{ perSecond: 40, mixed },
  ...(allowed && { allowed }),
  steps: [{ break: (mesh) => tell(mesh, side, ["FLUSHALL"]) }],
});

const redis = (side: Side): readonly Fault[] => [
  full(side),
  // Of a master that nobody ever reaches, so that it keeps what it has.
  redisBroken(side, "a read-only replica", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]),
  redisBroken(
    side,
    "without the replicas that its writes need",
    config("min-replicas-to-write", "1"),
    config("min-replicas-to-write", "0"),
  ),
];

/** While a connection holds what the statement took. */
function locked(what: string, lock: (connection: Connection) => Promise<unknown>): Fault {
  let connection: Connection | undefined;
  return {
    name: `MySQL with ${what} for 8 s`,
    perSecond: 40,
    steps: [
      {
        async break({ engines }) {
          connection = await createConnection({ uri: `${engines.addresses.mysql}/${DATABASE}` });
          await lock(connection);
        },
        lasts: { ms: BROKEN_MS },
        // Locks end with the connection that holds them.
        heal: () => connection?.destroy(),
      },
    ],
  };
}

const tables = async (connection: Connection): Promise<string[]> => {
  const [rows] = await connection.query<RowDataPacket[]>("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'");
  return rows.map((row) => String(Object.values(row)[0]));
};

async function killAll({ engines }: FaultMesh): Promise<void> {
  const connection = await createConnection({ uri: engines.addresses.mysql });
  const [rows] = await connection.query<RowDataPacket[]>("SELECT id FROM information_schema.processlist WHERE db = ?", [DATABASE]);
  for (const { id } of rows) await connection.query(`KILL ${Number(id)}`).catch(() => {});
  connection.destroy();
}

const readLocked = locked("every table locked against writing", (connection) => connection.query("FLUSH TABLES WITH READ LOCK"));

/** Mails that need no intent are sent meanwhile: more than would be if none but those under way were, for longer than a statement may take. */
const lockedUnderMixed: Fault = {
  ...readLocked,
  name: "MySQL with every table locked against writing until 200 more mails are sent, half of the mails at most once",
  mixed: true,
  steps: readLocked.steps.map((step) => ({
    ...step,
    async break(mesh) {
      await step.break(mesh);
      const already = mesh.sink.byDelivery.size;
      await expect.poll(() => mesh.sink.byDelivery.size, { timeout: 60_000, interval: 50 }).toBeGreaterThan(already + 200);
    },
    lasts: { ms: 0 },
  })),
};

export const engines: readonly Fault[] = [
  ...redis("redisLedger"),
  flushed("redisLedger", LEDGER_LOST),
  flushed("redisLedger", LEDGER_LOST, true),
  asleep("redis-ledger", LEDGER_GONE),
  gone("redis-ledger", LEDGER_GONE),
  ...redis("redisCache"),
  flushed("redisCache"),
  asleep("redis-cache"),
  gone("redis-cache"),
  readLocked,
  lockedUnderMixed,
  locked("every table locked", async (connection) => {
    const names = await tables(connection);
    await connection.query(`LOCK TABLES ${names.map((name) => `\`${name}\` WRITE`).join(", ")}`);
  }),
  {
    name: "every connection to MySQL killed, five times",
    perSecond: 40,
    steps: Array.from({ length: 5 }, () => ({ break: killAll, lasts: { ms: 1_000 }, afterwards: 40 })),
  },
  asleep("mariadb"),
  gone("mariadb"),
  asleep("cassandra"),
  gone("cassandra"),
  asleep("kafka-1"),
  gone("kafka-1"),
];
