import { describe, expect, it } from "vitest";
import { type MutantName, mutants } from "./mutants.ts";
import { search } from "./search.ts";
import { simulate } from "./simulate.ts";

const given = process.env.SIMULATION_SEED;
/** Other ones in every run, so that runs explore. */
const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
const FOR_MS = 8_000;
const TIMEOUT_MS = 120_000;

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

describe("a mutant is found:", () => {
  it.each(Object.keys(mutants) as MutantName[])("%s", { timeout: TIMEOUT_MS }, async (mutant) => {
    const { found } = await search({ seed, seeds: 500, mutant, sought: mutants[mutant].breaks });
    expect(found).toContain(mutants[mutant].breaks);
    expect(found).toMatch(new RegExp(`^Seed (\\d+) .*npm run simulate -- --seed \\1 --mutant ${mutant}$`, "s"));
  });
});
