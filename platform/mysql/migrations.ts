/**
 * Brings a database up to the schema of a .sql file, one statement at a time: MySQL commits every change of a table by itself, so it is
 * written down before and after each of them how far it has come. Cut off anywhere, the next run goes on from there; a statement that was
 * begun and not seen to end may find its work done. One that changes rows has to come to the same when it runs twice.
 *
 * One process at a time, whichever machine it is on. A database that is up to date is only read.
 */
import { DatabaseError } from "#platform/sql/errors.ts";
import { migrationsOf, refuseNewer, storeOf } from "#platform/sql/migrations.ts";
import { readStatements } from "#platform/sql/statements.ts";
import type { Lent } from "./connections.ts";
import { codeOf, isUnavailable } from "./errors.ts";

const own = readStatements(new URL("./migrations.sql", import.meta.url));
const text = (name: string): string => own.get(name) as string;

/** What a statement says whose work was done before. */
const doneBefore = ["ER_TABLE_EXISTS_ERROR", "ER_DUP_FIELDNAME", "ER_DUP_KEYNAME", "ER_CANT_DROP_FIELD_OR_KEY", "ER_BAD_TABLE_ERROR"];

/** Migrations done, and of the next one the statements begun and done. */
interface State {
  readonly version: number;
  readonly begun: number;
  readonly done: number;
}

const NEW: State = { version: 0, begun: 0, done: 0 };

const stepsOf = (migration: string): string[] =>
  migration
    .split(/;[ \t]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");

/** `onWait` hears of every few seconds for which another process has been at it. */
export async function migrate(lent: Lent, file: URL, onWait: () => void): Promise<void> {
  const migrations = migrationsOf(file).map(stepsOf);
  const store = storeOf(file);
  if (isCurrent(store, await stateOf(lent, store), migrations)) return;
  while (!(await locked(lent))) onWait();
  try {
    await lent.tell(text("create"));
    for (let state = await stateOf(lent, store); !isCurrent(store, state, migrations); )
      state = await finish(lent, store, migrations[state.version] as string[], state);
  } finally {
    // A connection that does not answer any more has lost its lock.
    await lent.tell(text("unlock")).catch(() => {});
  }
}

const isCurrent = (store: string, { version }: State, { length }: readonly unknown[]): boolean => {
  refuseNewer(store, version, length);
  return version === length;
};

async function stateOf({ ask }: Lent, store: string): Promise<State> {
  try {
    const { rows } = await ask(text("version"), [store]);
    return (rows as State[])[0] ?? NEW;
  } catch (error) {
    if (codeOf(error) === "ER_NO_SUCH_TABLE") return NEW;
    throw error;
  }
}

async function locked({ tell }: Lent): Promise<boolean> {
  const [row] = (await tell(text("lock"))).rows as { locked: number | null }[];
  return row?.locked === 1;
}

/** Does what is left of a migration. */
async function finish(lent: Lent, store: string, steps: readonly string[], { version, begun, done }: State): Promise<State> {
  const write = (state: State) => lent.ask(text("set-version"), [store, state.version, state.begun, state.done]);
  for (const [step, statement] of steps.entries()) {
    if (step < done) continue;
    await write({ version, begun: step + 1, done: step });
    try {
      await lent.tell(statement);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      if (step >= begun || !doneBefore.includes(codeOf(error))) throw stopped(error, store, version + 1, step + 1);
    }
    await write({ version, begun: step + 1, done: step + 1 });
  }
  const next = { version: version + 1, begun: 0, done: 0 };
  await write(next);
  return next;
}

function stopped(error: unknown, store: string, migration: number, statement: number): DatabaseError {
  const code = codeOf(error);
  return new DatabaseError(
    `Migration ${migration} of ${store} stopped at its statement ${statement} (${code}). ` +
      "What was done before it is kept. Mend the cause and start again: it goes on from there.",
    { code },
  );
}
