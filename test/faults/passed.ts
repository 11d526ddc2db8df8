/**
 * Whether committed positions ever stood above something unfinished, of groups whose work can be known from outside. Pure.
 *
 * A record is finished when all that it leads to is in the log. Whether it was by a moment, offsets say: what ends a record was written when
 * its offset is below the end of its partition. Times do not, since a record's is from before it was acknowledged.
 */

/** Of several groups at a moment, by topic and partition. */
export interface Sample {
  /** What each group had committed. */
  readonly next: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** How far partitions went, asked after that. */
  readonly ends: ReadonlyMap<string, number>;
}

export interface Read {
  readonly offset: number;
  readonly timeMs: number;
  /** The same for a repeat. */
  readonly of: string;
  /** What it leads to, each by a name, in one of these ways. */
  readonly ways: readonly (readonly string[])[];
}

export interface GroupRead {
  readonly group: string;
  /** By topic and partition, in order. */
  readonly partitions: ReadonlyMap<string, readonly Read[]>;
}

/** Where something that records lead to came into the log. */
export interface Told {
  readonly place: string;
  readonly offset: number;
  readonly timeMs: number;
}

/** In words. A position that was never seen above what there was to read proves nothing, and is told as well. */
export function passedTooEarly(
  groups: readonly GroupRead[],
  told: ReadonlyMap<string, readonly Told[]>,
  samples: readonly Sample[],
): readonly string[] {
  if (!groups.some(({ partitions }) => [...partitions.values()].some((reads) => reads.length > 0))) return ["there was nothing to read"];
  return groups.flatMap(({ group, partitions }) =>
    [...partitions].flatMap(([place, reads]) => {
      const positions = samples.map((sample) => ({ sample, next: sample.next.get(group)?.get(place) ?? 0 }));
      const [first] = reads;
      if (!first) return [];
      if (!positions.some(({ next }) => next > first.offset)) return [`${group} was never seen above ${first.offset} in ${place}`];
      /** When the same was first in the log: what is there twice is finished once. */
      const since = new Map<string, number>();
      return reads.flatMap(({ offset, timeMs, of, ways }) => {
        if (!since.has(of)) since.set(of, timeMs);
        const above = positions.find(({ next }) => next > offset)?.sample;
        const isIn = (name: string) => told.get(name)?.some((each) => each.timeMs >= (since.get(of) as number) && isBelow(above, each));
        if (!above || ways.some((way) => way.every(isIn))) return [];
        return [`${group} stood above ${offset} in ${place} before there was ${ways.map((way) => way.join(" and ")).join(", or ")}`];
      });
    }),
  );
}

const isBelow = (sample: Sample | undefined, { place, offset }: Told): boolean => offset < (sample?.ends.get(place) ?? 0);
