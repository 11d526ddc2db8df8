/** DeadLettersService: what proto/carillon/deadletters/v1 promises. */
import type { ServiceImpl } from "@connectrpc/connect";
import { notFound } from "#domain/errors.ts";
import {
  DeadLetterState,
  type DeadLettersService,
  DiscardResult_Outcome as Discarding,
  ReplayResult_Outcome as Outcome,
} from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import type { Given } from "#platform/host.ts";
import { readable } from "#platform/log/readable.ts";
import { newestPage } from "#platform/page.ts";
import type { RawDoor } from "#platform/raw/door.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import { checkFilter, filterOf } from "./filter.ts";
import type { LetterMetrics } from "./metrics.ts";
import { wayOf } from "./original.ts";
import type { puttingBack } from "./put-back.ts";
import { replayCalls } from "./replays.service.ts";
import type { DeadLetterStore, Letter, Standing, State, Summary } from "./store.ts";

const stateOf: { readonly [state in State]: DeadLetterState } = {
  kept: DeadLetterState.KEPT,
  replayed: DeadLetterState.REPLAYED,
  discarded: DeadLetterState.DISCARDED,
};

export interface ServiceNeeds extends Pick<Given, "clock" | "logger"> {
  readonly door: RawDoor;
  readonly putBack: ReturnType<typeof puttingBack>;
  readonly metrics: LetterMetrics;
  /** Called when there is a new replay. */
  readonly created: () => void;
}

export function deadLettersService(store: DeadLetterStore, needs: ServiceNeeds): ServiceImpl<typeof DeadLettersService> {
  const { clock, logger, door, putBack, metrics } = needs;
  return {
    async listDeadLetters(request, context) {
      const { filter } = request;
      if (filter) checkFilter(filter);
      const { environment } = principalOf(context);
      const { page, nextPageToken } = await newestPage(
        request,
        (after, limit) => store.list(environment, filterOf(filter), after, limit),
        ({ diedAtMs: atMs, id }) => ({ atMs, id }),
      );
      return { deadLetters: page.map(told), nextPageToken };
    },

    async getDeadLetter({ id }, context) {
      const [letter] = await store.find(principalOf(context).environment, [id]);
      if (!letter) throw notFound(`dead letter ${id}`);
      const { key, value, headers } = letter.original;
      const topic = door.topicNamed(letter.topic);
      const decoded = topic && readable(topic, letter.original, door.topicNamed);
      return {
        ...{ deadLetter: told(letter), original: value, key, headers: { ...headers }, ...(decoded && { decoded }) },
        ...{ way: wayOf(letter, door), writtenAtMs: BigInt(letter.writtenAtMs) },
      };
    },

    async replayDeadLetters(request, context) {
      const { environment } = principalOf(context);
      const ids = [...new Set(request.ids)];
      const letters = await store.find(environment, ids);
      const kept = letters.filter((letter): letter is Letter & Standing => letter?.state === "kept");
      const { going, refused } = await putBack(environment, kept, context.signal);
      await store.settle(environment, going, "replayed", clock.nowMs());
      for (const id of going) logger.info({ deadLetterId: id }, "dead letter replayed");
      metrics.settled("replayed", going.length);
      metrics.settled("refused", refused.size);
      const isGoing = new Set(going);
      const results = ids.map((id, index) => {
        const reason = refused.get(id);
        if (reason !== undefined) return { id, outcome: Outcome.REFUSED, reason };
        if (isGoing.has(id)) return { id, outcome: Outcome.REPLAYED };
        return { id, outcome: letters[index] ? Outcome.SETTLED_BEFORE : Outcome.NOT_FOUND };
      });
      return { results };
    },

    async discardDeadLetters(request, context) {
      const { environment } = principalOf(context);
      const ids = [...new Set(request.ids)];
      const letters = await store.find(environment, ids);
      const discarded = await store.settle(environment, ids, "discarded", clock.nowMs());
      for (const id of discarded) logger.info({ deadLetterId: id }, "dead letter discarded");
      metrics.settled("discarded", discarded.length);
      const isDiscarded = new Set(discarded);
      const results = ids.map((id, index) => {
        if (isDiscarded.has(id)) return { id, outcome: Discarding.DISCARDED };
        return { id, outcome: letters[index] ? Discarding.SETTLED_BEFORE : Discarding.NOT_FOUND };
      });
      return { ids: [...discarded], results };
    },

    ...replayCalls(store, needs),
  };
}

const told = ({ state, diedAtMs, settledAtMs, ...about }: Summary & Standing) => ({
  ...{ id: about.id, queue: about.queue, stage: about.stage, reason: about.reason, detail: about.detail, topic: about.topic },
  ...{ notificationId: about.notificationId, deliveryId: about.deliveryId, userId: about.userId },
  ...{ channel: about.channel, cycle: about.cycle },
  state: stateOf[state],
  diedAtMs: BigInt(diedAtMs),
  settledAtMs: BigInt(settledAtMs),
});
