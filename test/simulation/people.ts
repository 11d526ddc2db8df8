/** People at work: they ask, cancel and change their minds when the load says so, and repeat what was not acknowledged. */
import { cancelling } from "../../services/ingest/cancel.ts";
import { type Asked, ENVIRONMENT, type Load } from "./load.ts";
import type { Process } from "./process.ts";
import type { Ports } from "./rooms.ts";
import type { Timeline } from "./timeline.ts";

const AGAIN_MS = 500;

interface PeopleNeeds {
  readonly timeline: Timeline;
  /** Theirs. */
  readonly process: Process;
  readonly ports: Ports;
  readonly preferences: Map<string, Load["changes"][number]["preferences"]>;
}

/** Answers what has been acknowledged, which grows. */
export function peopleAt({ asked, changes, poison }: Load, { timeline, process, ports, preferences }: PeopleNeeds): ReadonlySet<string> {
  const acknowledged = new Set<string>();
  const cancel = cancelling(ports);
  const at = (atMs: number, what: string, act: () => void) => process.after(atMs - timeline.startMs, what, act);
  const acknowledgedly = async (work: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      try {
        await work();
        return;
      } catch {
        await process.clock.sleep(AGAIN_MS);
      }
    }
  };
  const ask = async ({ notificationId, record }: Asked): Promise<void> => {
    await acknowledgedly(() => ports.log.append([record]));
    acknowledged.add(notificationId);
  };
  for (const each of asked) {
    const { notificationId, atMs, cancelAtMs } = each;
    at(atMs, `asks for ${notificationId}`, () => void ask(each));
    if (cancelAtMs === undefined) continue;
    at(cancelAtMs, `cancels ${notificationId}`, () => void acknowledgedly(() => cancel(ENVIRONMENT, notificationId)));
  }
  for (const change of changes)
    at(change.atMs, `${change.userId} changes preferences`, () => preferences.set(change.userId, change.preferences));
  for (const { atMs, record } of poison)
    at(atMs, `poison for ${record.topic.name}`, () => void acknowledgedly(() => ports.log.append([record])));
  return acknowledged;
}
