/**
 * The writer thread: the one connection that writes. It takes every call that waits, commits them together, and answers them together.
 */
import { DatabaseSync } from "node:sqlite";
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { describeError } from "./errors.ts";
import { type Answer, type Call, type FromWriter, OPENED, type ToWriter } from "./messages.ts";
import { migrate } from "./migrations.ts";
import type { Procedures, Sql } from "./sqlite.ts";
import { prepareStatements } from "./statements.ts";
import { Transactions } from "./transactions.ts";

/** Calls of one transaction, at most: the first of them waits for the last. */
const MAX_CALLS = 1_000;

const port = parentPort as MessagePort;
const { file } = workerData as { file: string };
const database = new DatabaseSync(file);
const transactions = new Transactions(database, file);
const modules = new Map<string, { readonly procedures: Procedures; readonly sql: Sql }>();

const run = ({ module, name, args }: Call): unknown => {
  const loaded = modules.get(module);
  const procedure = loaded?.procedures[name];
  if (loaded === undefined || procedure === undefined) throw new Error(`${module} has no procedure named "${name}".`);
  return procedure(loaded.sql, args);
};

const post = (message: FromWriter): void => port.postMessage(message);
const answer = (...answers: readonly Answer[]): void => post({ answers });

function commit(calls: readonly Call[]): void {
  for (let i = 0; i < calls.length; i += MAX_CALLS) {
    const together = calls.slice(i, i + MAX_CALLS);
    const startedMs = performance.now();
    const answers = transactions.commit(together, run);
    const seconds = (performance.now() - startedMs) / 1_000;
    post({ answers, commit: { seconds, calls: together.length, durable: together.some((call) => call.durable) } });
    transactions.tend();
  }
}

async function load({ id, module, sql }: Extract<ToWriter, { is: "load" }>): Promise<void> {
  try {
    const { default: procedures } = (await import(module)) as { default: Procedures };
    migrate(database, new URL(sql));
    modules.set(module, { procedures, sql: prepareStatements(database, new URL(sql)) });
    answer({ id });
  } catch (error) {
    answer({ id, error: describeError(error) });
  }
}

port.on("message", (first: readonly ToWriter[]) => {
  const messages = [...first];
  for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) messages.push(...more.message);
  commit(messages.filter((message) => message.is === "call"));
  for (const message of messages) {
    if (message.is === "load") void load(message);
    else if (message.is === "close") {
      transactions.close();
      answer({ id: message.id });
      port.close();
    }
  }
});
answer({ id: OPENED });
