/**
 * Who of a group reads which partitions, decided by the group's leader with share.ts: co-partitioned, even, and keeping what members hold.
 *
 * Members say in their metadata what they hold and since which epoch; where two claim the same, the newer claim counts. Only members that
 * read what the leader reads take part: anything else would leave partitions without a reader that understands them.
 */
import kafkajs, { type PartitionAssigner } from "kafkajs";
import { share, type Unit } from "../share.ts";

export interface Claim extends Unit {
  readonly epoch: number;
}

export interface AssignerNeeds {
  /** Names as Kafka knows them, with the partitions each has. */
  readonly topics: ReadonlyMap<string, number>;
  /** What this member holds now. */
  claims(): readonly Claim[];
}

interface Claimed {
  readonly member: string;
  readonly epoch: number;
}

const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;
const VERSION = 1;
const nameOf = ({ of, index }: Unit) => `${of}/${index}`;

export const topicsOf = (memberMetadata: Buffer): readonly string[] => MemberMetadata.decode(memberMetadata)?.topics.toSorted() ?? [];

/** The same claims are the same bytes: a member that rejoins with other metadata than before sets off a rebalance. */
const packClaims = (claims: readonly Claim[]): Buffer =>
  Buffer.from(
    JSON.stringify(claims.map(({ of, index, epoch }) => [of, index, epoch] as const).toSorted((a, b) => a[0] - b[0] || a[1] - b[1])),
  );

function unpackClaims(userData: Buffer | null | undefined): readonly Claim[] {
  try {
    const claims = JSON.parse(userData?.toString() || "[]") as [number, number, number][];
    return claims.map(([of, index, epoch]) => ({ of, index, epoch }));
  } catch {
    return [];
  }
}

export const stickyAssigner =
  ({ topics, claims }: AssignerNeeds): PartitionAssigner =>
  () => ({
    name: "carillon-sticky",
    version: VERSION,
    protocol: () => ({
      name: "carillon-sticky",
      metadata: MemberMetadata.encode({ version: VERSION, topics: [...topics.keys()], userData: packClaims(claims()) }),
    }),
    async assign({ members }) {
      const wanted = [...topics.keys()].toSorted().join();
      const peers = members.filter(({ memberMetadata }) => topicsOf(memberMetadata).join() === wanted);
      const holders = new Map<string, Claimed>();
      for (const { memberId, memberMetadata } of peers) {
        for (const claim of unpackClaims(MemberMetadata.decode(memberMetadata)?.userData)) {
          const known = holders.get(nameOf(claim));
          if (known === undefined || known.epoch < claim.epoch) holders.set(nameOf(claim), { member: memberId, epoch: claim.epoch });
        }
      }
      const units = [...new Set(topics.values())].flatMap((of) => Array.from({ length: of }, (_, index) => ({ of, index })));
      const ids = peers.map(({ memberId }) => memberId).toSorted();
      const owners = share(units, ids, (unit) => holders.get(nameOf(unit))?.member);
      return members.map(({ memberId }) => {
        const indexes = Map.groupBy(
          units.filter((unit) => owners.get(unit) === memberId),
          ({ of }) => of,
        );
        const assignment = Object.fromEntries([...topics].map(([topic, of]) => [topic, (indexes.get(of) ?? []).map(({ index }) => index)]));
        return { memberId, memberAssignment: MemberAssignment.encode({ version: VERSION, assignment, userData: Buffer.alloc(0) }) };
      });
    },
  });
