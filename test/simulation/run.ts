/**
 * `npm run simulate -- [--seeds N] [--minutes M] [--seed S] [--mutant NAME]`: simulated runs from a seed of the moment on, 1,000 of them
 * unless said otherwise; with --seed alone that one, told step by step. Exit code 1 when a promise was broken.
 */
import { parseArgs } from "node:util";
import { type MutantName, mutants } from "./mutants.ts";
import { search } from "./search.ts";
import { simulate } from "./simulate.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({ options: { seeds: text, minutes: text, seed: text, mutant: text } });
const { mutant } = values;
if (mutant !== undefined && !(mutant in mutants)) throw new Error(`--mutant must be one of ${Object.keys(mutants).join(", ")}`);
const name = mutant as MutantName | undefined;
const seed = Number(values.seed ?? Date.now() % 2 ** 31);

if (values.seed !== undefined && values.seeds === undefined && values.minutes === undefined) {
  await simulate({ seed, tell: console.log, ...(name && { mutant: mutants[name] }) });
  report(await search({ seed, seeds: 1, mutant: name }));
} else {
  console.log(`Seeds from ${seed} on.`);
  const mostMs = values.minutes === undefined ? undefined : Number(values.minutes) * 60_000;
  const seeds = values.seeds === undefined ? (mostMs === undefined ? 1_000 : undefined) : Number(values.seeds);
  report(await search({ seed, mutant: name, ...(seeds !== undefined && { seeds }), ...(mostMs !== undefined && { mostMs }) }));
}

function report({ runs, tookMs, acknowledged, mails, repeats, marks, found }: Awaited<ReturnType<typeof search>>): void {
  const perMinute = Math.round((runs / tookMs) * 60_000);
  console.log(
    `${runs} runs, ${perMinute} a minute: ${acknowledged} notifications acknowledged, ${mails} mails, ${repeats} of them repeats.`,
  );
  const often = [...marks].filter(([what]) => what !== "").sort(([one], [other]) => (one < other ? -1 : 1));
  console.log(`What came about: ${often.map(([what, times]) => `${what} ${times}`).join(", ")}.`);
  console.log(found ?? "Every promise was kept.");
  process.exitCode = found === undefined ? 0 : 1;
}
