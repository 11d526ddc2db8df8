/** The suppression list in memory, for tests and the simulation: as long as it is kept itself, it outlives those who use it. */
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import type { Entry, SuppressionStore } from "./suppressions.ts";

/** Who was taken off stays for a while without their data, so that what is said of them next is later. */
interface Known {
  readonly environment: string;
  readonly isOn: boolean;
  readonly entry: Entry;
}

export function memorySuppressionStore(): SuppressionStore {
  const known = new Map<string, Known>();
  const keyOf = (environment: string, whom: string) => JSON.stringify([environment, whom]);
  return {
    async add(environment, who, reason, nowMs) {
      const key = keyOf(environment, who.whom);
      const there = known.get(key);
      if (there?.isOn) return there.entry;
      const entry: Entry = { ...who, reason, atMs: Math.max(nowMs, (there?.entry.atMs ?? Number.NEGATIVE_INFINITY) + 1) };
      known.set(key, { environment, isOn: true, entry });
      return entry;
    },
    async remove(environment, whom, nowMs, addedByMs = Number.POSITIVE_INFINITY) {
      const key = keyOf(environment, whom);
      const there = known.get(key);
      if (!there?.isOn) return there && { atMs: there.entry.atMs, removed: false };
      if (there.entry.atMs > addedByMs) return undefined;
      const atMs = Math.max(nowMs, there.entry.atMs + 1);
      const entry = { ...there.entry, userId: "", channel: Channel.UNSPECIFIED, address: "", atMs };
      known.set(key, { environment, isOn: false, entry });
      return { atMs, removed: true };
    },
    async among(environment, whoms) {
      const found = whoms.map((whom) => known.get(keyOf(environment, whom)));
      return found.flatMap((each) => (each?.isOn ? [each.entry] : []));
    },
    async list(environment, reason, after, limit) {
      const on = [...known.values()].filter((each) => each.isOn && each.environment === environment).map(({ entry }) => entry);
      return on
        .filter((entry) => reason === 0 || entry.reason === reason)
        .filter(({ atMs, whom }) => atMs < after.atMs || (atMs === after.atMs && whom < after.id))
        .sort((one, other) => other.atMs - one.atMs || (one.whom < other.whom ? 1 : -1))
        .slice(0, limit);
    },
    async sweep(beforeMs, limit) {
      const gone = [...known].filter(([, { isOn, entry }]) => !isOn && entry.atMs < beforeMs).slice(0, limit);
      for (const [key] of gone) known.delete(key);
      return gone.length;
    },
  };
}
