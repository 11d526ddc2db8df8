/** Runs seed after seed until a promise is broken or it is enough, and tells of what was found so that it can be seen again. */
import type { Fault } from "./faults.ts";
import type { MutantName } from "./mutants.ts";
import { mutants } from "./mutants.ts";
import { type Ran, simulate } from "./simulate.ts";

export interface Search {
  readonly seed: number;
  /** Seeds to run, at most: this one and those that follow. */
  readonly seeds?: number;
  readonly mostMs?: number;
  readonly mutant?: MutantName | undefined;
  /** Which broken promise ends the search; default: any. */
  readonly sought?: string;
}

export interface Searched {
  readonly runs: number;
  readonly tookMs: number;
  readonly acknowledged: number;
  readonly mails: number;
  readonly repeats: number;
  readonly marks: Ran["marks"];
  /** What there is to tell of the run that broke a promise. */
  readonly found: string | undefined;
}

export async function search({
  seed,
  seeds = Number.POSITIVE_INFINITY,
  mostMs = Number.POSITIVE_INFINITY,
  mutant,
  sought,
}: Search): Promise<Searched> {
  const startedMs = performance.now();
  const sum = { runs: 0, acknowledged: 0, mails: 0, repeats: 0 };
  const marks = new Map<string, number>();
  let found: string | undefined;
  while (found === undefined && sum.runs < seeds && performance.now() - startedMs < mostMs) {
    const ran = await simulate({ seed: seed + sum.runs, ...(mutant && { mutant: mutants[mutant] }) });
    sum.runs++;
    sum.acknowledged += ran.acknowledged;
    sum.mails += ran.mails;
    sum.repeats += ran.repeats;
    for (const [what, times] of ran.marks) marks.set(what, (marks.get(what) ?? 0) + times);
    if (ran.broken?.promise.startsWith(sought ?? "")) found = account(ran, await needed(ran, mutant), mutant);
  }
  return { ...sum, marks, found, tookMs: performance.now() - startedMs };
}

/** Those of the run's faults without which the same promise is kept: one after the other is left out. */
async function needed({ seed, plan, broken }: Ran, mutant: MutantName | undefined): Promise<readonly Fault[]> {
  let faults = plan.faults;
  for (const fault of plan.faults) {
    const fewer = faults.filter((each) => each !== fault);
    const ran = await simulate({ seed, faults: fewer, ...(mutant && { mutant: mutants[mutant] }) });
    if (ran.broken?.promise === broken?.promise) faults = fewer;
  }
  return faults;
}

function account({ seed, plan, broken, simulatedMs }: Ran, faults: readonly Fault[], mutant: MutantName | undefined): string {
  const { faults: all, ...conditions } = plan;
  const withMutant = mutant ? ` --mutant ${mutant}` : "";
  return [
    `Seed ${seed} breaks a promise after ${simulatedMs} ms: ${broken?.promise}.`,
    `  ${broken?.how}`,
    `  conditions: ${JSON.stringify(conditions)}`,
    ...all.map((fault) => `  ${faults.includes(fault) ? "fault" : "fault (also without it)"}: ${JSON.stringify(fault)}`),
    mutant
      ? `Again: npm run simulate -- --seed ${seed}${withMutant}`
      : `Again: SIMULATION_SEED=${seed} npm test -- --project unit test/simulation; every step of it: npm run simulate -- --seed ${seed}`,
  ].join("\n");
}
