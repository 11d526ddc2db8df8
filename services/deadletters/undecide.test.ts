/** Replays of notifications for which something was decided that cannot be read. */
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it } from "vitest";
import { deliveryName, recipientKey } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { DeadLetterState, ReplayResult_Outcome as Outcome } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { DecisionRecordSchema, NotificationPrioritizedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { encodeDecision } from "#platform/ledger/decision.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { encoded, type LetterTrial, letterTrial, NOTIFICATION } from "./letters.fixture.ts";

let here: LetterTrial;
beforeEach(async () => {
  here = await letterTrial();
});
afterEach(() => here.end());

const about = { environment: "development", notificationId: NOTIFICATION };
const whole = encodeDecision(create(DecisionRecordSchema, { decidedAtMs: 1_700_000_000_000n }));
const cut = whole.subarray(0, -1);

const decide = async (decision: Uint8Array, recipient = "ann") => {
  const [decided] = await here.ledger.decideOnce([{ ...about, recipient, decision }]);
  return decided;
};
const dead = (userId = "ann") => {
  const value = encoded(NotificationPrioritizedSchema, { ...about, userId, priority: 2 });
  return here.bury(topics.medium, { key: recipientKey("development", userId), value }, "ledger_malformed");
};
const attempt = (recipient: string) =>
  here.ledger.intend(
    [
      { ...about, deliveryId: uuidv5(deliveryName(NOTIFICATION, recipient, "email", 0)), cycle: 1, target: `${recipient}@example.test` },
    ].map((send) => ({ ...send, reaches: [], acceptedAtMs: 1_000, attempt: 0, wait: 0, worker: "w", leaseMs: 17_000 })),
  );
const replay = async (id: string) => (await here.letters.replayDeadLetters({ ids: [id] })).results;
const again = async () => (await here.at.records(topics.medium)).length;

it.each([
  ["is cut", cut],
  ["is empty", new Uint8Array()],
])("one that %s, and of which no try was made, is forgotten: the replay is decided anew", async (_how, decision) => {
  await decide(decision);
  await decide(cut, "bo");
  await attempt("bo");
  expect(await replay((await dead()).id)).toMatchObject([{ outcome: Outcome.REPLAYED }]);
  expect(await again()).toBe(1);
  expect(await decide(whole)).toMatchObject({ first: true });
  expect(await decide(whole, "bo")).toMatchObject({ first: false, decision: cut });
});

it("one of which a try was made stays: the replay is refused and says why, and the letter is kept", async () => {
  await decide(cut);
  await attempt("ann");
  const { id } = await dead();
  expect(await replay(id)).toMatchObject([{ outcome: Outcome.REFUSED, reason: "ledger_malformed" }]);
  expect(await again()).toBe(0);
  expect(await decide(whole)).toMatchObject({ first: false, decision: cut });
  expect((await here.letters.listDeadLetters({})).deadLetters).toMatchObject([{ id, state: DeadLetterState.KEPT }]);
});

it("one that can be read by now stays, and the replay carries it out", async () => {
  await decide(whole);
  await attempt("ann");
  expect(await replay((await dead()).id)).toMatchObject([{ outcome: Outcome.REPLAYED }]);
  expect(await decide(cut)).toMatchObject({ first: false, decision: whole });
});

it("one that is gone by now is in the way of nothing, nor is a second replay at the same time", async () => {
  await decide(cut);
  const { id } = await dead();
  await Promise.all([replay(id), replay(id)]);
  expect(await decide(whole)).toMatchObject({ first: true });
  expect(await replay((await dead("bo")).id)).toMatchObject([{ outcome: Outcome.REPLAYED }]);
});
