/**
 * Who in a group holds which partitions. Pure.
 *
 * A unit is one partition index of all topics with that many partitions, so holding units keeps topics co-partitioned. Of each kind every
 * member gets its even share, and keeps what it holds as far as that allows.
 */
export interface Unit {
  /** Partitions of the topics that this unit belongs to. */
  readonly of: number;
  readonly index: number;
}

export function share<U extends Unit, M>(units: readonly U[], members: readonly M[], holder: (unit: U) => M | undefined): Map<U, M> {
  const owners = new Map<U, M>();
  const load = new Map<M, number>(members.map((member) => [member, 0]));
  if (members.length === 0) return owners;

  for (const kind of new Set(units.map((unit) => unit.of))) {
    const ofKind = units.filter((unit) => unit.of === kind);
    const even = Math.floor(ofKind.length / members.length);
    let larger = ofKind.length % members.length;
    const count = new Map<M, number>(members.map((member) => [member, 0]));
    const give = (unit: U, member: M) => {
      owners.set(unit, member);
      count.set(member, (count.get(member) as number) + 1);
      load.set(member, (load.get(member) as number) + 1);
    };
    for (const unit of ofKind) {
      const member = holder(unit);
      const has = member === undefined ? undefined : count.get(member);
      if (member === undefined || has === undefined) continue;
      if (has < even) give(unit, member);
      else if (has === even && larger > 0) {
        give(unit, member);
        larger--;
      }
    }
    for (const unit of ofKind) {
      if (owners.has(unit)) continue;
      const lightest = members.reduce((best, member) => {
        const difference = (count.get(member) as number) - (count.get(best) as number);
        return difference < 0 || (difference === 0 && (load.get(member) as number) < (load.get(best) as number)) ? member : best;
      });
      give(unit, lightest);
    }
  }
  return owners;
}
