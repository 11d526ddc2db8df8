/**
 * `npm run tail -- TOPIC`: the records of a topic of the event log, decoded, a line of JSON each. Beside a running service, which notices
 * nothing of it.
 *
 * Addresses, words and user ids are shown as they stand there: it is a tool for whoever may read the log anyway. Which log it is stands on
 * standard error.
 */
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { didYouMean } from "#domain/near.ts";
import { beginnings, inOrder } from "#platform/log/in-order.ts";
import type { LogRecord } from "#platform/log/log.ts";
import { lineOf } from "#platform/log/readable.ts";
import { ArgumentProblem, argumentsOf } from "./arguments.ts";
import { type AllSettings, runCommand } from "./command.ts";
import { DATA_DIR } from "./data-dir.ts";
import { topicsOf } from "./form.ts";
import { openLogForReading } from "./log-reader.ts";
import { meshOn } from "./running-mesh.ts";

const LAST = 10;
const LAST_MOST = 10_000;
const PAUSE_MS = 250;

const USAGE = "npm run tail -- TOPIC [--from-beginning | --last N] [--partition P] [--follow] [--mesh]";

interface Wanted {
  readonly name: string;
  /** Undefined: from the beginning. */
  readonly last: number | undefined;
  readonly partition: number | undefined;
  readonly follow: boolean;
  /** Of the mesh that runs on the data directory. */
  readonly mesh: boolean;
}

function wantedOf(args: string[]): Wanted {
  const { values, positionals } = argumentsOf({
    args,
    allowPositionals: true,
    options: {
      "from-beginning": { type: "boolean", default: false },
      last: { type: "string" },
      partition: { type: "string" },
      follow: { type: "boolean", default: false },
      mesh: { type: "boolean", default: false },
    },
  });
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) throw new ArgumentProblem("Which topic?");
  if (values["from-beginning"] && values.last !== undefined) throw new ArgumentProblem("--from-beginning or --last, and not both.");
  const last = values["from-beginning"] ? undefined : wholeOf("--last", values.last ?? String(LAST), LAST_MOST);
  const partition = values.partition === undefined ? undefined : wholeOf("--partition", values.partition, Number.MAX_SAFE_INTEGER);
  return { name, last, partition, follow: values.follow, mesh: values.mesh };
}

function wholeOf(option: string, text: string, most: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) <= most) return Number(text);
  throw new ArgumentProblem(`${option} must be a whole number${most === LAST_MOST ? ` of at most ${LAST_MOST}` : ""}.`);
}

let wanted: Wanted;
try {
  wanted = wantedOf(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ArgumentProblem)) throw error;
  process.stderr.write(`${error.message} ${USAGE}\n`);
  process.exit(2);
}

// Nothing is kept that would have to be finished, whatever it waits for.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(0));
// Whoever reads along, such as head, has had enough.
process.stdout.on("error", () => process.exit(0));

const dataDir = process.env.CARILLON_DATA_DIR || DATA_DIR;
const mesh = meshOn(dataDir);
if (wanted.mesh && !mesh) {
  process.stderr.write(`No mesh runs on ${resolve(dataDir)}. CARILLON_DATA_DIR names the directory that npm run mesh was given.\n`);
  process.exit(1);
}
await runCommand(wanted.mesh ? { ...process.env, ...mesh } : process.env, (_, all) => tail(all, wanted));

/** Answers what is wrong with what is wanted, if anything. */
async function tail(all: AllSettings, { name, last, partition, follow }: Wanted): Promise<undefined> {
  const known = topicsOf(all);
  const topicNamed = (each: string) => known.find((topic) => topic.name === each);
  const topic = topicNamed(name);
  const names = known.map((each) => each.name);
  if (!topic) return refuse(`There is no topic ${name}${didYouMean(name, names) || "; docs/topics.md has them."}`);
  if (partition !== undefined && partition >= topic.partitions)
    return refuse(`${name} has the partitions 0 to ${topic.partitions - 1}, not ${partition}.`);
  const partitions = partition === undefined ? Array.from({ length: topic.partitions }, (_, at) => at) : [partition];
  const show = (record: LogRecord) => process.stdout.write(`${lineOf(record, topicNamed)}\n`);

  const reader = await openLogForReading(all);
  // Beside a mesh the records of an embedded form that ran there before would be taken for its own.
  const hint = mesh && !wanted.mesh ? " The log of the mesh that runs there is read by --mesh." : "";
  process.stderr.write(`Reading the log: ${reader.name}.${hint}\n`);
  try {
    const nexts = await beginnings(reader, topic, partitions, last ?? Number.POSITIVE_INFINITY);
    const held: LogRecord[] = [];
    for await (const record of inOrder(reader, topic, nexts)) {
      if (last === undefined) show(record);
      else if (held.push(record) > last) held.shift();
    }
    for (const record of held) show(record);
    while (follow) {
      for await (const record of inOrder(reader, topic, nexts)) show(record);
      await sleep(PAUSE_MS);
    }
  } finally {
    await reader.close();
  }
}

function refuse(sentence: string): undefined {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = 1;
}
