/**
 * People at work: they ask, cancel, suppress, erase, replay and change their minds when the load says so, and repeat what was not
 * acknowledged. What was, is told to those who watch.
 */
import { DeadLettersService, type ListDeadLettersResponse } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { CancelOutcome } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { PreferencesService, SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { addressReached, personReached } from "#platform/ledger/reach.ts";
import { letterMetrics } from "../../services/deadletters/metrics.ts";
import { puttingBack } from "../../services/deadletters/put-back.ts";
import { deadLettersService } from "../../services/deadletters/service.ts";
import { cancelling } from "../../services/ingest/cancel.ts";
import { erasing } from "../../services/preferences/erasing.ts";
import type { PreferenceStore } from "../../services/preferences/store.ts";
import { suppressing } from "../../services/preferences/suppressing.ts";
import type { Bars } from "./bars.ts";
import { type Act, type Asked, addressOf, ENVIRONMENT, type Load, PEOPLE } from "./load.ts";
import type { Process } from "./process.ts";
import { door, type Ports, silent } from "./rooms.ts";
import { type Answer, answering } from "./services.ts";
import type { Timeline } from "./timeline.ts";

const AGAIN_MS = 500;

interface PeopleNeeds {
  readonly timeline: Timeline;
  /** Theirs. */
  readonly process: Process;
  readonly ports: Ports;
  readonly bars: Bars;
  /** The store itself: a change of mind is there at once. */
  readonly people: PreferenceStore;
  /** What was acknowledged, which grows. */
  readonly accepted: Map<string, Uint8Array>;
}

/** Answers what of it is not acknowledged yet. */
export function peopleAt({ asked, changes, poison, acts }: Load, needs: PeopleNeeds): () => string | undefined {
  const { timeline, process, ports, people, accepted } = needs;
  const act = actor(needs);
  const open = new Set<object>();
  const at = (atMs: number, what: string, act: () => void) => process.after(atMs - timeline.startMs, what, act);
  const acknowledgedly = async (of: object, work: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      try {
        await work();
        open.delete(of);
        return;
      } catch {
        await process.clock.sleep(AGAIN_MS);
      }
    }
  };
  const ask = async ({ notificationId, requested, record }: Asked): Promise<void> => {
    await ports.log.append([record]);
    accepted.set(notificationId, requested);
  };
  void people.upsert(
    ENVIRONMENT,
    PEOPLE.map((userId) => ({ userId, email: addressOf(userId) })),
    timeline.startMs,
  );
  for (const each of asked) {
    open.add(each);
    at(each.atMs, `asks for ${each.notificationId}`, () => void acknowledgedly(each, () => ask(each)));
  }
  for (const each of acts) {
    open.add(each);
    const { atMs, does, ...about } = each;
    at(atMs, `${does} ${JSON.stringify(about)}`, () => void acknowledgedly(each, () => act(each)));
  }
  for (const { atMs, person, choice, hours } of changes)
    at(atMs, `${person.userId} changes their mind`, () => {
      timeline.during(
        Promise.all([
          people.upsert(ENVIRONMENT, [person], timeline.nowMs),
          people.setQuietHours(ENVIRONMENT, { userId: person.userId, hours, timeZone: undefined }, timeline.nowMs),
          choice && people.choose(ENVIRONMENT, [{ userId: person.userId, choice }], 2, timeline.nowMs),
        ]),
      );
    });
  for (const each of poison) {
    const { atMs, record } = each;
    at(atMs, `poison for ${record.topic.name}`, () => void acknowledgedly(each, () => ports.log.append([record])));
  }
  return () => (open.size > 0 ? `${open.size} of what was asked for are not acknowledged` : undefined);
}

/** Asks once for what an act is; rejects where it was not acknowledged. */
function actor({ ports, bars }: PeopleNeeds): (act: Act) => Promise<unknown> {
  const cancel = cancelling(ports);
  const { erase } = erasing({ ...ports, logger: silent });
  const suppressions = answering(PreferencesService, suppressing(ports));
  const needs = { ...ports, logger: silent, door, putBack: puttingBack({ ...ports, door }), metrics: letterMetrics(ports.metrics) };
  const letters = answering(DeadLettersService, deadLettersService(ports.letters, { ...needs, created: () => undefined }));
  const replay = async ({ by, key }: Extract<Act, { does: "replay" }>) => {
    if (by === "filter") return letters.createReplay?.({ filter: {}, idempotencyKey: key });
    const { deadLetters } = (await (letters.listDeadLetters as Answer)({})) as ListDeadLettersResponse;
    return letters.replayDeadLetters?.({ ids: deadLetters.map(({ id }) => id) });
  };
  return async (act) => {
    switch (act.does) {
      case "cancel": {
        const { outcome, tooLate = [] } = await cancel(ENVIRONMENT, act.notificationId);
        // Of one that was only for people who were erased nothing is canceled: it is their erasure that holds.
        const isErased = outcome === CancelOutcome.TOO_LATE && tooLate.length === 0;
        return isErased || bars.cancel(act.notificationId);
      }
      case "suppress": {
        const acknowledged = bars.suppressing(whomOf(act.who));
        await suppressions.addSuppression?.({ who: act.who, reason: SuppressionReason.MANUAL });
        return acknowledged();
      }
      case "allow": {
        const acknowledged = bars.lifting(whomOf(act.who), act);
        await suppressions.removeSuppression?.({ who: act.who });
        return acknowledged();
      }
      case "erase": {
        const acknowledged = bars.erasing(act.userId, act);
        return acknowledged((await erase(ENVIRONMENT, act.userId)).atMs);
      }
      case "replay":
        return replay(act);
    }
  };
}

const whomOf = ({ userId, channel, address }: Extract<Act, { who: object }>["who"]): string =>
  userId === "" ? addressReached(channel, address) : personReached(userId);
