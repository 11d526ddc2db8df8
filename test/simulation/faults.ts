/** What goes wrong in a simulated run, drawn from its seed beforehand: when, to which process, and how. */
import type { Rate } from "#platform/limits/bucket.ts";
import { PROVIDERS, type Trouble } from "./provider.ts";
import type { Random } from "./random.ts";
import type { Room } from "./rooms.ts";
import { INTENTS, LEDGER, type Outage, type Weather } from "./wire.ts";

interface At {
  readonly atMs: number;
}

/** A call that a process of a room dies with. */
interface Failpoint {
  readonly room: Room;
  /** How its name begins. */
  readonly call: string;
}

const FAILPOINTS: readonly Failpoint[] = [
  // Between the append and the delete of what was due, and between the ledger and the log.
  { room: "scheduler", call: "schedule.remove" },
  { room: "scheduler", call: "log.append" },
  { room: "email", call: "ledger.settle" },
  { room: "email", call: "email-workers settles" },
  { room: "dispatcher", call: "dispatcher settles" },
  { room: "inbox", call: "ledger.erasedAt" },
  { room: "tracker", call: "ledger.erasedAt" },
];

/** Befalls one process. `place`: which of the places where one runs, as a part of all. */
export type Blow = At & { readonly place: number } & (
    | { readonly is: "dies"; readonly afterCalls: number; readonly backAfterMs: number; readonly at?: Failpoint }
    | { readonly is: "stands still"; readonly forMs: number }
    | { readonly is: "leaves"; readonly withinMs: number; readonly backAfterMs: number }
    | { readonly is: "has its clock set"; readonly byMs: number }
  );

export type Fault =
  | Blow
  | (At & { readonly is: "ledger out of reach"; readonly forMs: number })
  | (At & { readonly is: "ledger loses everything" })
  | (At & { readonly is: "calls fail"; readonly forMs: number } & Pick<Outage, "calls" | "fate">)
  | (At & { readonly is: "provider out"; readonly provider: string; readonly how: readonly Trouble[]; readonly forMs: number });

export interface Plan {
  /** Everything in each process, or a room in each. */
  readonly form: "one" | "many";
  readonly isAtomic: boolean;
  /** How long the broker hears nothing of a member before it is put out. */
  readonly sessionMs: number;
  readonly weather: Omit<Weather, "outages">;
  readonly trouble: number;
  /** Of each provider; undefined: as fast as it goes. The first is preferred. */
  readonly rates: readonly (Rate | undefined)[];
  readonly maxRetryCount: number;
  /** Who keeps what may be sent at most once: a ledger that loses nothing can do so itself. */
  readonly once: "ledger" | "intents";
  readonly faults: readonly Fault[];
}

export const FAULTS_MS = 40_000;

export function planOf(random: Random): Plan {
  const isCalm = random.chance(0.1);
  const all = isCalm ? [] : faults(random);
  const isLost = all.some(({ is }) => is === "ledger loses everything");
  const rate = (...rates: readonly number[]) => (isCalm ? 0 : random.pick(rates));
  const drawn = {
    form: random.pick(["one", "many"] as const),
    isAtomic: random.chance(0.3),
    sessionMs: random.between(1_000, 8_000),
    weather: { losses: rate(0, 0.02, 0.1), slow: random.pick([0, 0.1, 0.5]), slowestMs: random.pick([50, 400]) },
    trouble: rate(0, 0.1, 0.5),
    rates: PROVIDERS.slice(0, random.between(1, PROVIDERS.length)).map(() => slow(random)),
    maxRetryCount: random.pick([0, 1, 1, 2]),
    once: isLost ? ("intents" as const) : random.pick(["ledger", "intents"] as const),
  };
  const failing = isCalm || drawn.once === "ledger" ? [] : calls(random);
  return { ...drawn, faults: [...all, ...failing].sort(byTime) };
}

const byTime = (one: Fault, other: Fault): number => one.atMs - other.atMs;

/** Of the intents, which are apart from the ledger: all of their calls, or one kind, so that others of one try are answered. */
function calls(random: Random): readonly Fault[] {
  const some = Array.from({ length: random.between(0, 2) }, () => ({
    ...{ atMs: random.between(0, FAULTS_MS), is: "calls fail" as const, forMs: random.between(100, random.pick([2_000, 8_000, 30_000])) },
    ...{ calls: `${INTENTS}${random.pick(["", "begin", "withdraw", "settle", "giveUp"])}`, fate: random.pick(FATES) },
  }));
  return [...some, ...(random.chance(0.5) ? contended(random) : [])];
}

/** Leases that nobody heard of, and who asks again finds them held, and cannot take back what that began. */
function contended(random: Random): readonly Fault[] {
  const atMs = random.between(0, FAULTS_MS / 2);
  const afterMs = random.between(2_000, 5_000);
  return [
    { atMs, is: "calls fail", calls: `${LEDGER}intend`, fate: "reply lost", forMs: random.between(200, 3_000) },
    {
      ...{ atMs: atMs + afterMs, is: "calls fail", fate: "request lost", forMs: random.between(500, 8_000) },
      calls: `${INTENTS}${random.pick(["", "withdraw", "withdraw"])}`,
    },
  ];
}

function faults(random: Random): readonly Fault[] {
  const all = Array.from({ length: random.between(0, 10) }, () => fault(random)).flatMap((each) => [each, ...(again(each, random) ?? [])]);
  // From the beginning and for long, so that its breaker opens, and late answers find it half-open.
  const out: Fault = { atMs: 0, is: "provider out", provider: PROVIDERS[0], how: ["not there", random.pick(LATE)], forMs: FAULTS_MS };
  return [...(random.chance(0.2) ? [out] : []), ...all].sort(byTime);
}

/** The ledger loses again what is being loaded back. */
const again = ({ atMs, is }: Fault, random: Random): readonly Fault[] | undefined =>
  is === "ledger loses everything" && random.chance(0.7)
    ? [{ atMs: atMs + random.between(1, random.pick([100, 500, 2_000])), is }]
    : undefined;

/** So slow that deliveries wait, as a rule. */
const slow = (random: Random): Rate | undefined =>
  random.chance(0.5) ? { perSecond: random.pick([0.1, 0.5, 2]), burst: random.between(1, 3) } : undefined;

/** Of a provider that is out for everybody: those that it has taken already may hear of it much later. */
const OUT: readonly Trouble[] = ["not there", "is gone", "waits wanted", "hangs"];
const FATES: readonly Outage["fate"][] = ["request lost", "request lost", "reply lost"];
const LATE: readonly Trouble[] = ["answers late", "answers late", "answer lost"];

function fault(random: Random): Fault {
  const atMs = random.between(0, FAULTS_MS);
  const at = { atMs, place: random.next() };
  const backAfterMs = random.between(0, 10_000);
  const forMs = random.between(100, 30_000);
  const is = random.pick([
    "dies",
    "dies",
    "dies",
    "stands still",
    "stands still",
    "leaves",
    "dies there",
    "has its clock set",
    "ledger out of reach",
    "ledger loses everything",
    "provider out",
    "provider out",
    "provider out",
  ] as const);
  switch (is) {
    case "dies":
      return { ...at, is, afterCalls: random.between(0, 8), backAfterMs };
    case "stands still":
      return { ...at, is, forMs };
    case "leaves":
      return { ...at, is, withinMs: random.between(0, 10_000), backAfterMs };
    case "has its clock set":
      return { ...at, is, byMs: random.pick([-600_000, -20_000, -1_000, 1_000, 20_000, 600_000]) };
    case "ledger out of reach":
      return { atMs, is, forMs };
    case "ledger loses everything":
      return { atMs, is };
    case "provider out":
      return {
        atMs: Math.floor(atMs / 2),
        is,
        provider: random.pick(PROVIDERS),
        how: [random.pick(OUT), random.pick([...OUT, ...LATE])],
        forMs: 2 * forMs,
      };
    case "dies there":
      return { ...at, is: "dies", at: random.pick(FAILPOINTS), afterCalls: random.between(0, 2), backAfterMs };
  }
}
