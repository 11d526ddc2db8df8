/** The calls about replays of what a filter finds. They only write down what is wanted; replaying.ts does it. */
import type { ServiceImpl } from "@connectrpc/connect";
import { notFound, Problem } from "#domain/errors.ts";
import { replayOfFilterName } from "#domain/ids.ts";
import { DeadLetterState, type DeadLettersService, ReplayAction, ReplayState } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { newestPage, OLDEST } from "#platform/page.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import { uuidv5, uuidv7 } from "#platform/uuid.ts";
import { checkFilter, filterOf } from "./filter.ts";
import { type Asked, OPEN_AT_MOST, type Replay, type ReplayState as State, unbegun } from "./replays.ts";
import type { ServiceNeeds } from "./service.ts";
import type { DeadLetterStore } from "./store.ts";

/** What an SMTP server takes without a murmur. */
const RATE_PER_SECOND = 50;
const AGAIN_MS = 60_000;

const stateOf: { readonly [state in State]: ReplayState } = {
  waiting: ReplayState.WAITING,
  running: ReplayState.RUNNING,
  done: ReplayState.DONE,
  canceled: ReplayState.CANCELED,
};

type Calls = Pick<ServiceImpl<typeof DeadLettersService>, "createReplay" | "getReplay" | "listReplays" | "cancelReplay">;

export const replayCalls = (
  store: DeadLetterStore,
  { clock, logger, created }: Pick<ServiceNeeds, "clock" | "logger" | "created">,
): Calls => ({
  async createReplay({ filter, action, ratePerSecond, idempotencyKey }, context) {
    if (filter) checkFilter(filter);
    if (filter && filter.state > DeadLetterState.KEPT)
      throw new Problem("INVALID_REQUEST", {
        violations: [{ field: "filter.state", description: "must be left out: only kept dead letters are settled" }],
      });
    const { environment } = principalOf(context);
    const createdAtMs = clock.nowMs();
    const asked: Asked = {
      action: action === ReplayAction.DISCARD ? "discard" : "replay",
      filter: filterOf(filter),
      ratePerSecond: ratePerSecond || RATE_PER_SECOND,
    };
    const id = idempotencyKey === "" ? uuidv7(createdAtMs) : uuidv5(replayOfFilterName(environment, idempotencyKey));
    const fresh: Replay = { environment, id, createdAtMs, asked, state: "waiting", progress: { ...unbegun, place: OLDEST }, endedAtMs: 0 };
    const replay = await store.createReplay(fresh);
    if (!replay)
      throw new Problem("TOO_MANY_REPLAYS", {
        message: `${OPEN_AT_MOST} replays of this environment have not ended. Wait for one, or cancel it.`,
        retryAfterMs: AGAIN_MS,
      });
    if (JSON.stringify(replay.asked) !== JSON.stringify(asked)) throw new Problem("IDEMPOTENCY_KEY_REUSED");
    logger.info({ replayId: id, action: asked.action }, "replay of dead letters created");
    created();
    return { replay: told(replay) };
  },

  async getReplay({ id }, context) {
    const replay = await store.findReplay(principalOf(context).environment, id);
    if (!replay) throw notFound(`replay ${id}`);
    return { replay: told(replay) };
  },

  async listReplays(request, context) {
    const { environment } = principalOf(context);
    const { page, nextPageToken } = await newestPage(
      request,
      (after, limit) => store.listReplays(environment, after, limit),
      ({ createdAtMs: atMs, id }) => ({ atMs, id }),
    );
    return { replays: page.map(told), nextPageToken };
  },

  async cancelReplay({ id }, context) {
    const replay = await store.cancelReplay(principalOf(context).environment, id, clock.nowMs());
    if (!replay) throw notFound(`replay ${id}`);
    logger.info({ replayId: id, state: replay.state }, "replay of dead letters canceled");
    return { replay: told(replay) };
  },
});

function told({ id, asked, state, progress, createdAtMs, endedAtMs }: Replay) {
  const { action, filter, ratePerSecond } = asked;
  const { startedAtMs, matched, settled, refused, gone, trouble } = progress;
  const { queue, reason, notificationId, userId, fromMs, toMs } = filter;
  const isReplay = action === "replay";
  return {
    ...{ id, ratePerSecond, trouble, state: stateOf[state] },
    action: isReplay ? ReplayAction.REPLAY : ReplayAction.DISCARD,
    filter: {
      ...{ queue, reason, notificationId, userId, fromMs: BigInt(fromMs) },
      toMs: BigInt(toMs === Number.MAX_SAFE_INTEGER ? 0 : toMs),
    },
    ...{
      matched: BigInt(matched),
      gone: BigInt(gone),
      replayed: BigInt(isReplay ? settled : 0),
      discarded: BigInt(isReplay ? 0 : settled),
    },
    refused: Object.fromEntries(Object.entries(refused).map(([reason, count]) => [reason, BigInt(count)])),
    ...{ createdAtMs: BigInt(createdAtMs), startedAtMs: BigInt(startedAtMs), endedAtMs: BigInt(endedAtMs) },
  };
}
