/** An access room over SQLite, with a clock that a test moves and a client for any caller. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectRouter } from "@connectrpc/connect";
import pino from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach } from "vitest";
import { AccessService, EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { type FakeClock, fakeClock } from "../../test/fakes/clock.ts";
import { accessService } from "./service.ts";
import { sqliteAccessStore } from "./store.sqlite.ts";
import type { AccessStore } from "./store.ts";

interface Here {
  store: AccessStore;
  clock: FakeClock;
  /** Everything that was logged, as one text. */
  lines: string[];
  /** A caller of this environment. */
  caller: (environment: string) => ReturnType<typeof clientOf>;
}

const clientOf = (clients: ReturnType<typeof createClients>, environment: string) => clients(AccessService, environment);

/** `production` is the home, `staging` a test environment, `shop` a live one. */
export function accessRoom(): Here {
  const here = {} as Here;
  let folder: string;
  let database: Database;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "carillon-access-"));
    database = await openDatabase({ file: join(folder, "carillon.sqlite") });
    here.store = await sqliteAccessStore(database);
    here.clock = fakeClock();
    here.lines = [];
    const logger = pino({ level: "debug" }, { write: (line: string) => void here.lines.push(line) });
    const routes = (router: ConnectRouter) => router.service(AccessService, accessService(here.store, { clock: here.clock, logger }));
    const clients = createClients({ rpc: () => [routes], clock: here.clock, logger, metrics: new Registry() });
    here.caller = (environment) => clientOf(clients, environment);
    const createdAtMs = here.clock.nowMs();
    for (const [name, kind] of [
      ["production", EnvironmentKind.LIVE],
      ["shop", EnvironmentKind.LIVE],
      ["staging", EnvironmentKind.TEST],
    ] as const)
      await here.store.createEnvironment({ name, kind, home: name === "production", createdAtMs }, 50);
  });

  afterEach(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });

  return here;
}
