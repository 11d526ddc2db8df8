/** What the network does: answers that are lost, delay, little bandwidth, black holes. */
import type { Fault } from "../fault.ts";
import { UNDER_WAY } from "../load.ts";
import type { Far } from "../mesh.ts";

const NAMES: Readonly<Record<Far, string>> = {
  kafka: "Kafka",
  mysql: "MySQL",
  ledger: "the ledger's Redis",
  cache: "the cache's Redis",
  cassandra: "Cassandra",
  provider: "the provider",
};
const far = Object.keys(NAMES) as Far[];
const engines = far.filter((each) => each !== "provider");

const UNKNOWN = { repeats: UNDER_WAY, why: "sends whose answer, or whose outcome's, was lost" };
/** Without these a worker does not know what the other side knows. */
const allowedFor = (to: Far) => (to === "ledger" || to === "provider" ? { allowed: UNKNOWN } : {});

const MUTE_MS = 3_000;
const HOLE_MS = 15_000;
const SLOW_MS = 10_000;

const answersLost = (to: Far): Fault => ({
  name: `answers of ${NAMES[to]} are lost for 3 s, then their connections`,
  perSecond: 40,
  ...allowedFor(to),
  steps: [{ break: (mesh) => mesh.wire(to).mute(), lasts: { ms: MUTE_MS }, heal: (mesh) => mesh.wire(to).accept() }],
});

const blackHole = (to: Far): Fault => ({
  name: `black hole on the way to ${NAMES[to]} for 15 s`,
  perSecond: 40,
  ...allowedFor(to),
  // What was on the way arrives when the hole closes.
  ...(to === "provider" && { onTheWayMs: HOLE_MS }),
  steps: [{ break: (mesh) => mesh.wire(to).hold(), lasts: { ms: HOLE_MS }, heal: (mesh) => mesh.wire(to).release() }],
});

const slow = (name: string, by: { readonly delayMs?: number; readonly bytesPerS?: number }): Fault => ({
  name,
  perSecond: 40,
  steps: [
    {
      break: (mesh) => {
        for (const each of engines) mesh.wire(each).slow(by);
      },
      lasts: { ms: SLOW_MS },
      heal: (mesh) => {
        for (const each of engines) mesh.wire(each).slow();
      },
    },
  ],
});

export const wires: readonly Fault[] = [
  ...far.map(answersLost),
  ...far.map(blackHole),
  slow("50 ms more each way to every engine for 10 s", { delayMs: 50 }),
  slow("64 KiB a second on each connection to every engine for 10 s", { bytesPerS: 64 * 1_024 }),
];
