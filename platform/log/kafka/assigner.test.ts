import kafkajs from "kafkajs";
import { expect, test } from "vitest";
import { type Claim, stickyAssigner } from "./assigner.ts";

const { MemberAssignment } = kafkajs.AssignerProtocol;
const topics = new Map([
  ["wide", 4],
  ["twin", 4],
  ["narrow", 3],
]);

type Config = Parameters<ReturnType<typeof stickyAssigner>>[0];
const assigner = (claims: readonly Claim[] = [], reads = topics) => stickyAssigner({ topics: reads, claims: () => claims })({} as Config);
const member = (memberId: string, claims: readonly Claim[] = [], reads = topics) => ({
  memberId,
  memberMetadata: assigner(claims, reads).protocol({ topics: [...reads.keys()] }).metadata,
});

async function shared(members: readonly ReturnType<typeof member>[]): Promise<Map<string, Record<string, number[]>>> {
  const given = await assigner().assign({ members: [...members], topics: [...topics.keys()] });
  return new Map(given.map(({ memberId, memberAssignment }) => [memberId, MemberAssignment.decode(memberAssignment)?.assignment ?? {}]));
}

const claimsOf = (assignment: Record<string, number[]>, epoch: number): Claim[] => [
  ...(assignment.wide ?? []).map((index) => ({ of: 4, index, epoch })),
  ...(assignment.narrow ?? []).map((index) => ({ of: 3, index, epoch })),
];

test("who reads a partition of one topic reads it of every topic with as many", async () => {
  const given = await shared([member("a"), member("b")]);
  for (const assignment of given.values()) expect(assignment.twin).toEqual(assignment.wide);
  expect([...given.values()].flatMap(({ wide }) => wide).toSorted()).toEqual([0, 1, 2, 3]);
  expect([...given.values()].flatMap(({ narrow }) => narrow).toSorted()).toEqual([0, 1, 2]);
});

test("a third member takes its share and no more: what the others keep stays where it is", async () => {
  const before = await shared([member("a"), member("b")]);
  const [a, b] = [before.get("a") ?? {}, before.get("b") ?? {}];
  const after = await shared([member("c"), member("a", claimsOf(a, 1)), member("b", claimsOf(b, 1))]);
  const kept = (id: string, had: Record<string, number[]>) => (after.get(id)?.wide ?? []).every((index) => had.wide?.includes(index));
  expect(kept("a", a) && kept("b", b)).toBe(true);
  expect(after.get("c")?.wide).toHaveLength(1);
  expect(after.get("c")?.narrow).toHaveLength(1);
});

test("of two that claim a partition the one that has it since later keeps it", async () => {
  const stale = [0, 1].map((index) => ({ of: 4, index, epoch: 1 }));
  const newer = [0, 1].map((index) => ({ of: 4, index, epoch: 2 }));
  const given = await shared([member("a-stale", stale), member("b-newer", newer)]);
  expect(given.get("b-newer")?.wide).toEqual([0, 1]);
});

test("a member that reads other topics is given nothing, and takes nothing from the others", async () => {
  const given = await shared([member("a"), member("b", [], new Map([["wide", 4]]))]);
  expect(given.get("a")?.wide).toEqual([0, 1, 2, 3]);
  expect(Object.values(given.get("b") ?? {}).flat()).toEqual([]);
});

test("claims that nobody can read count as none", async () => {
  const { memberMetadata } = member("b");
  const given = await shared([
    member("a"),
    { memberId: "b", memberMetadata: Buffer.concat([memberMetadata.subarray(0, -2), Buffer.from("{]")]) },
  ]);
  expect(given.get("b")?.wide).toHaveLength(2);
});

test("the same claims are the same bytes, in whatever order they are held", () => {
  const claims = [3, 0, 2].map((index) => ({ of: 4, index, epoch: index }));
  expect(member("a", claims).memberMetadata).toEqual(member("a", claims.toReversed()).memberMetadata);
});
