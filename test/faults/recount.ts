/** I5: the stats are a recount of the history. They are published once a minute, so it is looked at once, over all faults of a mesh. */
import { expect } from "vitest";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";

/** Mails. */
export interface Sent {
  /** By the history. */
  readonly sent: number;
  /** Those that the history does not tell any more, which may have been sent: stats stay when a person is erased. */
  readonly untold: number;
}

const PUBLISHED_WITHIN = { timeout: 150_000, interval: 500 };
const DAY_MS = 86_400_000;

/** `all`: everything that was ever sent on it. */
export async function expectRecount(url: string, all: readonly Sent[]): Promise<void> {
  const sum = (of: keyof Sent) => all.reduce((total, each) => total + each[of], 0);
  const [least, most] = [sum("sent"), sum("sent") + sum("untold")];
  await expect.poll(() => sentOn(url), PUBLISHED_WITHIN).toSatisfy((count: number) => count >= least && count <= most);
}

/** What the stats say was sent by mail. */
async function sentOn(url: string): Promise<number> {
  const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const { stats } = await clientsOf(url).tracker.getStats({ fromDate: dateOf(Date.now() - DAY_MS), toDate: dateOf(Date.now()) });
  return stats
    .filter(({ channel, status }) => channel === Channel.EMAIL && status === DeliveryStatus.SENT)
    .reduce((total, { count }) => total + Number(count), 0);
}
