/** Which dead letters are meant: the filter of a request, checked, and in the store's words. */
import { Problem, type Violation } from "#domain/errors.ts";
import { didYouMeanAmong } from "#domain/near.ts";
import { reasons } from "#domain/reasons.ts";
import { type DeadLetterFilter, DeadLetterState } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { queues } from "./stage.ts";
import type { Filter, State } from "./store.ts";

const states: { readonly [state in DeadLetterState]: State } = {
  [DeadLetterState.UNSPECIFIED]: "kept",
  [DeadLetterState.KEPT]: "kept",
  [DeadLetterState.REPLAYED]: "replayed",
  [DeadLetterState.DISCARDED]: "discarded",
};
const queueNames = queues.map(({ name }) => name);

/** A name that nothing has would find nothing, and pass for good news. */
export function checkFilter({ queue, reason }: Pick<DeadLetterFilter, "queue" | "reason">): void {
  const violations: Violation[] = [];
  if (queue !== "" && !queueNames.includes(queue))
    violations.push({ field: "filter.queue", description: `must be one of ${queueNames.join(", ")}` });
  if (reason !== "" && !Object.hasOwn(reasons, reason))
    violations.push({
      field: "filter.reason",
      description: `must be a code of docs/reasons.md${didYouMeanAmong(reason, Object.keys(reasons))}`,
    });
  if (violations.length > 0) throw new Problem("INVALID_REQUEST", { violations });
}

export const filterOf = (filter: DeadLetterFilter | undefined): Filter => ({
  state: states[filter?.state ?? DeadLetterState.UNSPECIFIED] as State,
  queue: filter?.queue ?? "",
  reason: filter?.reason ?? "",
  notificationId: filter?.notificationId ?? "",
  userId: filter?.userId ?? "",
  fromMs: Number(filter?.fromMs ?? 0n),
  toMs: Number(filter?.toMs ?? 0n) || Number.MAX_SAFE_INTEGER,
});
