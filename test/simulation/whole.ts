/** Watches when the ledger is called whole again: by then it must know of everything that was acknowledged that nothing may be sent. */

import type { Ledger, Try } from "#platform/ledger/ledger.ts";
import { personReached } from "#platform/ledger/reach.ts";
import type { Bars } from "./bars.ts";
import { ENVIRONMENT } from "./load.ts";
import type { Meanings } from "./redis.ts";
import type { Report } from "./report.ts";
import type { Timeline } from "./timeline.ts";

interface Needs {
  readonly bars: Bars;
  /** As it is now, unwatched. */
  readonly ledger: () => Ledger;
  readonly timeline: Timeline;
  readonly report: Report;
}

/** Of a delivery that there is not. */
const probe: Omit<Try, "deliveryId"> = {
  ...{ environment: ENVIRONMENT, notificationId: "none", cycle: 1, target: "", reaches: [], acceptedAtMs: Number.MAX_SAFE_INTEGER },
  ...{ attempt: 0, wait: 0, worker: "nobody", leaseMs: 0 },
};

export function watchedRestorer(meanings: Meanings, { bars, ledger, timeline, report }: Needs): Meanings {
  let probes = 0;
  async function look(): Promise<void> {
    const barred: readonly Partial<Try>[] = [
      ...bars.canceled.map((notificationId) => ({ notificationId })),
      ...bars.suppressed.map((whom) => ({ reaches: [whom] })),
      ...bars.erased.map(({ userId, atMs }) => ({ reaches: [personReached(userId)], acceptedAtMs: atMs })),
    ];
    const tries = barred.map((each): Try => ({ ...probe, ...each, deliveryId: `none ${probes++}` }));
    const intents = await ledger().intend(tries);
    for (const [place, { is }] of intents.entries())
      if (is === "send")
        report("I8: what is called whole knows what is barred", `the ledger does not know of ${JSON.stringify(barred[place])}`);
  }
  return {
    ...meanings,
    end(keys, names, args) {
      const answer = meanings.end(keys, names, args);
      if (answer === 1 && args[1] !== "") timeline.during(look());
      return answer;
    },
  };
}
