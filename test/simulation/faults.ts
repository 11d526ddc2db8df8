/** What goes wrong in a simulated run, drawn from its seed beforehand: when, to which process, and how. */
import type { Random } from "./random.ts";
import type { Weather } from "./wire.ts";

interface At {
  readonly atMs: number;
  /** Which of the places where a process runs, as a part of all. */
  readonly place: number;
}

export type Fault = At &
  (
    | { readonly is: "dies"; readonly afterCalls: number; readonly backAfterMs: number }
    | { readonly is: "stands still"; readonly forMs: number }
    | { readonly is: "leaves"; readonly withinMs: number; readonly backAfterMs: number }
    | { readonly is: "has its clock set"; readonly byMs: number }
  );

export interface Plan {
  /** Everything in each process, or a room in each. */
  readonly form: "one" | "many";
  readonly isAtomic: boolean;
  /** How long the broker hears nothing of a member before it is put out. */
  readonly sessionMs: number;
  readonly weather: Weather;
  readonly trouble: number;
  readonly faults: readonly Fault[];
}

export const FAULTS_MS = 40_000;

export function planOf(random: Random): Plan {
  const isCalm = random.chance(0.1);
  const rate = (...rates: readonly number[]) => (isCalm ? 0 : random.pick(rates));
  return {
    form: random.pick(["one", "many"]),
    isAtomic: random.chance(0.3),
    sessionMs: random.between(1_000, 8_000),
    weather: { losses: rate(0, 0.02, 0.1), slow: random.pick([0, 0.1, 0.5]), slowestMs: random.pick([50, 400]) },
    trouble: rate(0, 0.1, 0.5),
    faults: isCalm ? [] : Array.from({ length: random.between(0, 8) }, () => fault(random)).sort((one, other) => one.atMs - other.atMs),
  };
}

function fault(random: Random): Fault {
  const at = { atMs: random.between(0, FAULTS_MS), place: random.next() };
  const backAfterMs = random.between(0, 10_000);
  switch (random.between(0, 6)) {
    case 0:
    case 1:
    case 2:
      return { ...at, is: "dies", afterCalls: random.between(0, 8), backAfterMs };
    case 3:
    case 4:
      return { ...at, is: "stands still", forMs: random.between(100, 30_000) };
    case 5:
      return { ...at, is: "leaves", withinMs: random.between(0, 10_000), backAfterMs };
    default:
      return { ...at, is: "has its clock set", byMs: random.pick([-600_000, -20_000, -1_000, 1_000, 20_000, 600_000]) };
  }
}
