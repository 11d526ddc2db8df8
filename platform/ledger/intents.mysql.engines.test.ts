import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { mysqlIntents } from "./intents.mysql.ts";
import { intentsSuite } from "./intents.suite.ts";
import { attemptOf } from "./ledger.fixture.ts";

let database: TestDatabase;
let mysql: Awaited<ReturnType<TestDatabase["open"]>>;

beforeAll(async () => {
  database = await testDatabase();
  mysql = await database.open();
});
afterAll(() => database.end());

async function empty() {
  const clock = fakeClock();
  const intents = await mysqlIntents(mysql, { clock });
  await database.admin.query("DELETE FROM send_intents");
  return { intents, clock };
}

intentsSuite("MySQL", empty);

it("hold no address", async () => {
  const { intents } = await empty();
  await intents.begin([attemptOf({ atMostOnce: true })]);
  const [rows] = await database.admin.query("SELECT * FROM send_intents");
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain("ann");
});
