import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import type { Open } from "./ledger.fixture.ts";
import { onceSuite } from "./ledger.once.suite.ts";
import { sqliteLedger } from "./ledger.sqlite.ts";
import { ledgerSuite } from "./ledger.suite.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const directory = () => {
  const made = mkdtempSync(join(tmpdir(), "carillon-ledger-"));
  ends.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
};

// One database for the whole property: a fresh environment is as good as an empty ledger, and a file each would be slow.
let shared: Database | undefined;
let round = 0;
const open: Open = async () => {
  const clock = fakeClock();
  if (!shared) {
    const database = await openDatabase({ file: join(directory(), "ledger.sqlite") });
    shared = database;
    ends.push(() => {
      shared = undefined;
      return database.close();
    });
  }
  const own = `${round++}/`;
  const within = <T extends { readonly environment: string }>(items: readonly T[]) =>
    items.map((item) => ({ ...item, environment: own + item.environment }));
  const ledger = await sqliteLedger({ database: shared, clock });
  return {
    clock,
    ledger: {
      decideOnce: (drafts) => ledger.decideOnce(within(drafts)),
      undecide: (unread) => ledger.undecide({ ...unread, environment: own + unread.environment }),
      intend: (tries, options) => ledger.intend(within(tries), options),
      extend: (leases) => ledger.extend(within(leases)),
      settle: (results) => ledger.settle(within(results)),
      cancel: (cancel) => ledger.cancel({ ...cancel, environment: own + cancel.environment }),
      suppress: (said) => ledger.suppress({ ...said, environment: own + said.environment }),
      erase: (said) => ledger.erase({ ...said, environment: own + said.environment }),
      erasedAt: (environment, whoms) => ledger.erasedAt(own + environment, whoms),
      statesOf: (of) => ledger.statesOf({ ...of, environment: own + of.environment }),
    },
  };
};

ledgerSuite("in SQLite", open);
onceSuite("in SQLite", open);

it("a ledger opened again on the same file knows what it knew", async () => {
  const clock = fakeClock();
  const file = join(directory(), "ledger.sqlite");
  const send = {
    environment: "development",
    notificationId: "n",
    deliveryId: "d",
    cycle: 1,
    target: "t",
    reaches: ["ann"],
    acceptedAtMs: 1_000,
    attempt: 0,
    wait: 0,
  };
  const draft = { environment: "development", notificationId: "n", recipient: "ann", decision: new Uint8Array([1, 2]) };
  const first = await openDatabase({ file });
  const before = await sqliteLedger({ database: first, clock });
  await before.decideOnce([draft]);
  await before.intend([{ ...send, worker: "w-1", leaseMs: 17_000 }]);
  await before.cancel({ environment: "development", notificationId: "n-2", untilMs: clock.nowMs() + 1 });
  await first.close();
  const second = await openDatabase({ file });
  ends.push(() => second.close());
  const after = await sqliteLedger({ database: second, clock });
  const [decided] = await after.decideOnce([{ ...draft, decision: new Uint8Array([9]) }]);
  expect(decided).toEqual({ decision: new Uint8Array([1, 2]), first: false, canceled: false });
  const [intent] = await after.intend([{ ...send, worker: "w-2", leaseMs: 17_000 }]);
  expect(intent).toEqual({ is: "leased", untilMs: clock.nowMs() + 17_000 });
  const [refused] = await after.intend([{ ...send, notificationId: "n-2", deliveryId: "d-2", worker: "w-2", leaseMs: 17_000 }]);
  expect(refused).toEqual({ is: "canceled", atMs: clock.nowMs() });
});
