/** Which of several things concern somebody who was erased after they were accepted. */
import type { Ledger } from "./ledger.ts";
import { personReached } from "./reach.ts";

export interface Concerning {
  readonly environment: string;
  /** Empty: nobody. */
  readonly userId: string;
  readonly acceptedAtMs: number | bigint;
}

/** The ledger is asked once an environment. */
export async function erasedAmong<T extends Concerning>(ledger: Pick<Ledger, "erasedAt">, items: readonly T[]): Promise<ReadonlySet<T>> {
  const erased = new Set<T>();
  const concerning = items.filter(({ userId }) => userId !== "");
  for (const [environment, its] of Map.groupBy(concerning, (item) => item.environment)) {
    const userIds = [...new Set(its.map(({ userId }) => userId))];
    const times = await ledger.erasedAt(environment, userIds.map(personReached));
    const atMs = new Map(userIds.map((userId, place) => [userId, times[place] ?? 0]));
    for (const item of its) if (Number(item.acceptedAtMs) <= (atMs.get(item.userId) || -1)) erased.add(item);
  }
  return erased;
}
