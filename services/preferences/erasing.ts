/**
 * Erasing a person. They and their preferences are deleted from the store, which keeps that more is to be deleted; then the ledger is told,
 * which from then on refuses what was accepted before. That is when it holds. The inbox and the history follow, before the answer if they
 * can be reached. What is left then, or by a process that was killed in between, a task goes on with.
 *
 * What was written about the person in the meantime is not missed: inbox and tracker ask the ledger behind each write.
 */
import { MAX_EXPIRY_MS, MAX_SEND_AT_MS } from "#domain/bounds.ts";
import { RETENTION_MS } from "#domain/topics.ts";
import { InboxService } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { Given, Task } from "#platform/host.ts";
import { personReached } from "#platform/ledger/reach.ts";
import type { Erasure, PreferenceStore } from "./store.ts";
import type { SuppressionStore } from "./suppressions.ts";

/** Nothing that was accepted before an erasure is on its way any more, nor in the log. */
const KNOWN_MS = MAX_SEND_AT_MS + MAX_EXPIRY_MS + RETENTION_MS;
/** Of one call; the history answers what it has done of more. */
const CALL_MS = 10_000;
/** Whoever began it may be at it for so long. */
const UNDER_WAY_MS = 60_000;
const LOOK_EVERY_MS = 30_000;
const AT_ONCE = 20;

export interface ErasingNeeds extends Pick<Given, "ledger" | "clock" | "client" | "logger"> {
  readonly people: PreferenceStore;
  readonly suppressions: SuppressionStore;
}

export interface Erasing {
  /** Resolves once it holds. `done`: nothing is left to be deleted. */
  erase(environment: string, userId: string): Promise<{ readonly atMs: number; readonly done: boolean }>;
  readonly task: Task;
}

export function erasing({ people, suppressions, ledger, clock, client, logger }: ErasingNeeds): Erasing {
  /** What was on the suppression list until then goes with the person; what is put there afterwards is of a new one, and stays. */
  async function hold({ environment, userId, atMs }: Erasure): Promise<void> {
    const whom = personReached(userId);
    await ledger.erase({ environment, whom, atMs, untilMs: atMs + KNOWN_MS });
    const lifted = await suppressions.remove(environment, whom, clock.nowMs(), atMs);
    if (lifted) await ledger.suppress({ environment, whom, suppressed: false, atMs: lifted.atMs });
  }

  async function finish(erasure: Erasure): Promise<boolean> {
    const { environment, userId, atMs } = erasure;
    const options = { timeoutMs: CALL_MS };
    try {
      const asked = { userId, acceptedByMs: BigInt(atMs) };
      while ((await client(TrackerService, environment).eraseHistory(asked, options)).more);
      // Last, since it cannot tell what a new person of the id has got by now.
      await client(InboxService, environment).eraseInbox({ userId }, options);
      await people.finishErasure(erasure);
      return true;
    } catch (error) {
      logger.warn({ err: error }, "not everything of an erased person could be deleted yet");
      return false;
    }
  }

  return {
    async erase(environment, userId) {
      const atMs = await people.erase(environment, userId, clock.nowMs());
      const erasure = { environment, userId, atMs };
      await hold(erasure);
      return { atMs, done: await finish(erasure) };
    },
    task: {
      name: "finish-erasures",
      async run(signal) {
        for (; !signal.aborted; await clock.sleep(LOOK_EVERY_MS, signal))
          for (const erasure of await people.erasures(clock.nowMs() - UNDER_WAY_MS, AT_ONCE)) {
            await hold(erasure);
            await finish(erasure);
          }
      },
    },
  };
}
