import { describe, expect, it } from "vitest";
import { type MutantName, mutants } from "./mutants.ts";
import { search } from "./search.ts";
import { simulate } from "./simulate.ts";

const given = process.env.SIMULATION_SEED;
/** Other ones in every run, so that runs explore. */
const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
const FOR_MS = 8_000;
/** The same ones in every run, so that it takes as long each time. */
const MUTANT_SEEDS = 500;
const TIMEOUT_MS = 240_000;

it("whatever goes wrong, every promise is kept", { timeout: TIMEOUT_MS }, async () => {
  console.log(`simulated runs from seed ${seed} on`);
  const { runs, found, acknowledged, mails } = await search({ seed, ...(given === undefined ? { mostMs: FOR_MS } : { seeds: 1 }) });
  console.log(`${runs} simulated runs`);
  expect(found, found).toBeUndefined();
  // Most are mailed: where nothing is delivered every promise is kept.
  if (given === undefined) expect(mails).toBeGreaterThan(acknowledged / 3);
});

it("a seed replays byte for byte, and another one is another run", { timeout: TIMEOUT_MS }, async () => {
  const digest = async (of: number) => (await simulate({ seed: of })).digest;
  const first = await digest(seed);
  expect(await digest(seed)).toBe(first);
  expect(await digest(seed + 1)).not.toBe(first);
});

it("comes to everything that it is to look at", { timeout: TIMEOUT_MS }, async () => {
  const missing = new Set([
    ...["accepted_by_provider", "refused_by_provider", "temporarily_refused", "attempts_exhausted", "outcome_unknown", "send_unresolved"],
    ...["send_unresolved_once"],
    ...["provider_unavailable", "rate_limited", "quiet_hours", "lease_held", "stored_in_inbox"],
    ...["canceled", "suppressed", "erased", "expired"],
    ...["breaker open", "breaker half-open", "breaker closed", "failed over", "ledger lost", "replayed"],
  ]);
  for (let of = 1; missing.size > 0 && of <= 300; of++)
    for (const mark of (await simulate({ seed: of })).marks.keys()) missing.delete(mark);
  expect([...missing]).toEqual([]);
});

describe("a mutant is found:", () => {
  it.each(Object.keys(mutants) as MutantName[])("%s", { timeout: TIMEOUT_MS }, async (mutant) => {
    const { breaks, from = 1 }: { readonly breaks: string; readonly from?: number } = mutants[mutant];
    const { found } = await search({ seed: from, seeds: MUTANT_SEEDS, mutant, sought: breaks });
    expect(found).toContain(breaks);
    expect(found).toMatch(new RegExp(`^Seed (\\d+) .*npm run simulate -- --seed \\1 --mutant ${mutant}$`, "s"));
  });
});
