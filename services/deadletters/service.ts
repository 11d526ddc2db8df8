/** DeadLettersService: what proto/carillon/deadletters/v1 promises. */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { factsOf } from "#domain/decide/facts.ts";
import { suppressionsOf } from "#domain/decide/suppression.ts";
import { notFound, Problem, type Violation } from "#domain/errors.ts";
import { didYouMean } from "#domain/near.ts";
import { reasons } from "#domain/reasons.ts";
import {
  type DeadLetterFilter,
  DeadLetterState,
  type DeadLettersService,
  ReplayResult_Outcome as Outcome,
} from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { PreferencesService, SuppressedSchema } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Given } from "#platform/host.ts";
import { erasedAmong } from "#platform/ledger/erasures.ts";
import type { Output } from "#platform/log/log.ts";
import { readable } from "#platform/log/readable.ts";
import { formatPageToken, NEWEST, OLDEST, parsePageToken } from "#platform/page.ts";
import type { RawDoor } from "#platform/raw/door.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import { deliveryOf, type FactsNow, replayed } from "./replay.ts";
import { queues } from "./stage.ts";
import type { DeadLetterStore, Filter, Letter, Standing, State, Summary } from "./store.ts";

const PAGE_SIZE = 50;
const MOST_AT_ONCE = 200;
/** What is longer is no address, and on no list. */
const MOST_ADDRESS_CHARS = 254;

const states: { readonly [state in DeadLetterState]: State } = {
  [DeadLetterState.UNSPECIFIED]: "kept",
  [DeadLetterState.KEPT]: "kept",
  [DeadLetterState.REPLAYED]: "replayed",
  [DeadLetterState.DISCARDED]: "discarded",
};
const stateOf: { readonly [state in State]: DeadLetterState } = {
  kept: DeadLetterState.KEPT,
  replayed: DeadLetterState.REPLAYED,
  discarded: DeadLetterState.DISCARDED,
};

interface Wanted {
  readonly ids: readonly string[];
  readonly filter?: DeadLetterFilter | undefined;
  readonly pageToken: string;
}

export function deadLettersService(
  store: DeadLetterStore,
  { log, ledger, clock, client, logger, door }: Pick<Given, "log" | "ledger" | "clock" | "client" | "logger"> & { readonly door: RawDoor },
): ServiceImpl<typeof DeadLettersService> {
  /** The ids that a call is about, and where the next one goes on. */
  async function wanted(environment: string, { ids, filter, pageToken }: Wanted) {
    if (!filter) return { ids: [...new Set(ids)], nextPageToken: "" };
    checkFilter(filter);
    if (filter.state > DeadLetterState.KEPT)
      throw new Problem("INVALID_REQUEST", {
        violations: [{ field: "filter.state", description: "must be left out: only kept dead letters are settled" }],
      });
    const places = await store.oldest(environment, filterOf(filter), parsePageToken(pageToken, OLDEST), MOST_AT_ONCE);
    const last = places.at(-1);
    return { ids: places.map(({ id }) => id), nextPageToken: last && places.length === MOST_AT_ONCE ? formatPageToken(last) : "" };
  }

  async function factsFor(
    environment: string,
    letters: readonly Letter[],
    { signal }: HandlerContext,
  ): Promise<(letter: Letter) => FactsNow> {
    const deliveries = new Map(letters.map((letter) => [letter, deliveryOf(letter, door)]));
    const all = [...deliveries.values()].filter((delivery) => delivery !== undefined);
    if (all.length === 0) return () => ({ person: undefined, suppressions: [], erased: false });
    const erased = await erasedAmong(ledger, all);
    const userIds = [...new Set(all.filter((each) => each.userId !== "" && !erased.has(each)).map(({ userId }) => userId))];
    const addresses = all.flatMap(({ channel, target }) =>
      target === "" || target.length > MOST_ADDRESS_CHARS ? [] : [create(SuppressedSchema, { channel, address: target })],
    );
    const known = await client(PreferencesService, environment).batchGetPreferences({ userIds, addresses }, { signal });
    const people = new Map(known.people.map((person, at) => [userIds[at] as string, factsOf(person)]));
    const suppressions = suppressionsOf(known.suppressions);
    return (letter) => {
      const delivery = deliveries.get(letter);
      return { person: people.get(delivery?.userId ?? ""), suppressions, erased: delivery !== undefined && erased.has(delivery) };
    };
  }

  return {
    async listDeadLetters({ filter, pageSize, pageToken }, context) {
      if (filter) checkFilter(filter);
      const limit = pageSize || PAGE_SIZE;
      const { environment } = principalOf(context);
      // One more than asked for tells whether there is another page.
      const found = await store.list(environment, filterOf(filter), parsePageToken(pageToken, NEWEST), limit + 1);
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        deadLetters: page.map(told),
        nextPageToken: last && found.length > limit ? formatPageToken({ atMs: last.diedAtMs, id: last.id }) : "",
      };
    },

    async getDeadLetter({ id }, context) {
      const [letter] = await store.find(principalOf(context).environment, [id]);
      if (!letter) throw notFound(`dead letter ${id}`);
      const { key, value, headers } = letter.original;
      const topic = door.topicNamed(letter.topic);
      const decoded = topic && readable(topic, letter.original, door.topicNamed);
      return { deadLetter: told(letter), original: value, key, headers: { ...headers }, ...(decoded && { decoded }) };
    },

    /** Killed between the append and the settling: it is on its way and still kept, and a replay of it comes to the same. */
    async replayDeadLetters(request, context) {
      const { environment } = principalOf(context);
      const { ids, nextPageToken } = await wanted(environment, request);
      const letters = await store.find(environment, ids);
      const kept = letters.filter((letter): letter is Letter & Standing => letter?.state === "kept");
      const facts = await factsFor(environment, kept, context);
      const nowMs = clock.nowMs();
      const plans = new Map(kept.map((letter) => [letter.id, replayed(letter, facts(letter), nowMs, door)]));
      const outputs = [...plans.values()].flatMap((plan): readonly Output[] => (typeof plan === "string" ? [] : plan));
      try {
        await log.append(outputs);
      } catch (cause) {
        throw new Problem("LOG_UNAVAILABLE", { cause, retryAfterMs: 1_000 });
      }
      const going = [...plans].flatMap(([id, plan]) => (typeof plan === "string" ? [] : [id]));
      await store.settle(environment, going, "replayed", nowMs);
      for (const id of going) logger.info({ deadLetterId: id }, "dead letter replayed");
      const results = ids.map((id, index) => {
        const plan = plans.get(id);
        if (typeof plan === "string") return { id, outcome: Outcome.REFUSED, reason: plan };
        if (plan) return { id, outcome: Outcome.REPLAYED };
        return { id, outcome: letters[index] ? Outcome.SETTLED_BEFORE : Outcome.NOT_FOUND };
      });
      return { results, nextPageToken };
    },

    async discardDeadLetters(request, context) {
      const { environment } = principalOf(context);
      const { ids, nextPageToken } = await wanted(environment, request);
      const discarded = await store.settle(environment, ids, "discarded", clock.nowMs());
      for (const id of discarded) logger.info({ deadLetterId: id }, "dead letter discarded");
      return { ids: [...discarded], nextPageToken };
    },
  };
}

const queueNames = queues.map(({ name }) => name);

/** A name that nothing has would find nothing, and pass for good news. */
function checkFilter({ queue, reason }: Pick<DeadLetterFilter, "queue" | "reason">): void {
  const violations: Violation[] = [];
  if (queue !== "" && !queueNames.includes(queue))
    violations.push({ field: "filter.queue", description: `must be one of ${queueNames.join(", ")}` });
  if (reason !== "" && !Object.hasOwn(reasons, reason))
    violations.push({
      field: "filter.reason",
      description: `must be a code of docs/reasons.md${didYouMean(reason, Object.keys(reasons))}`,
    });
  if (violations.length > 0) throw new Problem("INVALID_REQUEST", { violations });
}

const filterOf = (filter: DeadLetterFilter | undefined): Filter => ({
  state: states[filter?.state ?? DeadLetterState.UNSPECIFIED] as State,
  queue: filter?.queue ?? "",
  reason: filter?.reason ?? "",
  notificationId: filter?.notificationId ?? "",
  userId: filter?.userId ?? "",
  fromMs: Number(filter?.fromMs ?? 0n),
  toMs: Number(filter?.toMs ?? 0n) || Number.MAX_SAFE_INTEGER,
});

const told = ({ state, diedAtMs, settledAtMs, ...about }: Summary & Standing) => ({
  ...{ id: about.id, queue: about.queue, stage: about.stage, reason: about.reason, detail: about.detail, topic: about.topic },
  ...{ notificationId: about.notificationId, deliveryId: about.deliveryId, userId: about.userId },
  ...{ channel: about.channel, cycle: about.cycle },
  state: stateOf[state],
  diedAtMs: BigInt(diedAtMs),
  settledAtMs: BigInt(settledAtMs),
});
