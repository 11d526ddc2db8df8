import { create } from "@bufbuild/protobuf";
import { beforeEach, expect, it } from "vitest";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { DecisionSchema, DeliveryEventSchema, Moment, NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { encode } from "#platform/protobuf/codec.ts";
import type { Outcome } from "../../services/delivery/sender.ts";
import { Ends, type EndsNeeds } from "./ends.ts";
import type { Fault } from "./faults.ts";
import { type Act, ENVIRONMENT, type Load, ONCE, QUIET } from "./load.ts";

/** A Tuesday, 22:13:20 UTC. */
const START_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const { FAILED, DEAD, EXPIRED, CANCELED, SKIPPED } = DeliveryStatus;
type Change = Load["changes"][number];

let acts: Act[];
let changes: Change[];
let faults: Fault[];
let outcomes: Outcome["is"][];
let isCutOff: boolean;
let category: string;
let expiresAtMs: number;
let channels: Channel[];
let userId: string;

beforeEach(() => {
  [acts, changes, faults, outcomes, isCutOff] = [[], [], [], [], false];
  [category, expiresAtMs, channels, userId] = [ONCE, START_MS + DAY_MS, [Channel.EMAIL], "ann"];
});

const requested = () =>
  encode(NotificationRequestedSchema, {
    ...{ notificationId: "n", environment: ENVIRONMENT, recipients: [{ userId, email: "" }], category, channels },
    expiresAtMs: BigInt(expiresAtMs),
  });

/** What is reported when the log is told of it, 10 s after the start. */
function reported(event: Parameters<typeof create<typeof DeliveryEventSchema>>[1]): string[] {
  const found: string[] = [];
  const asked = { notificationId: "n", requested: requested(), userIds: ["ann"] } as unknown as Load["asked"][number];
  const begun = outcomes.map((is) => ({ deliveryId: "d", lease: { of: { cycle: 1 } }, outcome: { is } }));
  const needs = {
    load: { asked: [asked], acts, changes, poison: [] },
    plan: { faults, maxRetryCount: 1, rates: [undefined] },
    timeline: { nowMs: START_MS + 10_000, startMs: START_MS },
    sends: { begun },
    tries: { isCutOff: () => isCutOff },
    report: (promise: string) => found.push(promise),
  } as unknown as EndsNeeds;
  const about = { notificationId: "n", userId, deliveryId: "d", cycle: 1, channel: Channel.EMAIL };
  new Ends(needs).told(create(DeliveryEventSchema, { ...about, ...event }));
  return found;
}

const ends = (status: DeliveryStatus, reason: string) => reported({ moment: Moment.DELIVERY, status, reason });
const decided = (reason: string, channel: Channel = Channel.EMAIL) =>
  reported({ moment: Moment.DECIDED, decisions: [create(DecisionSchema, { channel, deliveryId: "d", send: false, reasons: [reason] })] });
const change = (of: Partial<Change>): Change => ({ atMs: START_MS, person: { userId: "ann" }, choice: undefined, hours: undefined, ...of });
const muted = { category: "*", muted: true, mutedUntilMs: 0, channels: [] };
const who = (of: Partial<(Act & { readonly does: "suppress" })["who"]>) => ({
  userId: "",
  channel: Channel.UNSPECIFIED,
  address: "",
  ...of,
});

const BROKEN = ["an end has its cause"];

/** Its name, the end, and what causes it. */
const cases: readonly (readonly [string, () => string[], () => unknown])[] = [
  ["a refusal needs one of a provider", () => ends(FAILED, "refused_by_provider"), () => outcomes.push("rejected")],
  [
    "a dead mail needs an attempt more than may be repeated",
    () => ends(DEAD, "attempts_exhausted"),
    () => outcomes.push("retry", "unknown"),
  ],
  ["what is given up needs a try that was cut off", () => ends(FAILED, "send_unresolved_once"), () => (isCutOff = true)],
  ["or one that was not answered", () => ends(FAILED, "send_unresolved_once"), () => outcomes.push("unknown")],
  ["what is expired needs its time to be over", () => ends(EXPIRED, "expired"), () => (expiresAtMs = START_MS + 5_000)],
  ["or to be over after a wait", () => ends(EXPIRED, "expired"), () => (expiresAtMs = START_MS + 60_000)],
  [
    "or a clock that says so",
    () => ends(EXPIRED, "expired"),
    () => {
      expiresAtMs = START_MS + 600_000;
      faults.push({ atMs: 0, place: 0, is: "has its clock set", byMs: 600_000 });
    },
  ],
  [
    "or quiet hours that last longer",
    () => ends(EXPIRED, "expires_in_quiet_hours"),
    () => {
      expiresAtMs = START_MS + 90_000;
      changes.push(change({ hours: QUIET }));
    },
  ],
  [
    "a cancel needs one that was asked for",
    () => ends(CANCELED, "canceled"),
    () => acts.push({ atMs: START_MS, does: "cancel", notificationId: "n" }),
  ],
  [
    "a notification's needs one too",
    () => reported({ moment: Moment.CANCELED }),
    () => acts.push({ atMs: START_MS, does: "cancel", notificationId: "n" }),
  ],
  ["an erased person needs an erasure", () => ends(SKIPPED, "erased"), () => acts.push({ atMs: START_MS, does: "erase", userId: "ann" })],
  [
    "a suppressed person needs a suppression",
    () => ends(SKIPPED, "suppressed"),
    () => acts.push({ atMs: START_MS, does: "suppress", who: who({ userId: "ann" }) }),
  ],
  [
    "and a suppressed address one of that",
    () => decided("suppressed_manual"),
    () => acts.push({ atMs: START_MS, does: "suppress", who: who({ channel: Channel.EMAIL, address: "ann@example.test" }) }),
  ],
  ["a mute needs a choice", () => decided("everything_muted"), () => changes.push(change({ choice: muted }))],
  [
    "who has no address needs to have lost it",
    () => decided("no_email_address"),
    () => changes.push(change({ person: { userId: "ann", email: "" } })),
  ],
  ["a channel is not asked for when others are", () => decided("not_requested", Channel.EMAIL), () => (channels = [Channel.WEB])],
  ["nobody is a bare address who has a name", () => decided("no_person", Channel.WEB), () => (userId = "")],
];

it.each(cases)("%s", (_name, told, cause) => {
  expect(told()).toEqual(BROKEN);
  cause();
  expect(told()).toEqual([]);
});

it("what people do later caused nothing", () => {
  acts.push({ atMs: START_MS + 11_000, does: "cancel", notificationId: "n" });
  expect(ends(CANCELED, "canceled")).toEqual(BROKEN);
});

it("a category that may be repeated is not given up", () => {
  [category, isCutOff] = ["news", true];
  expect(ends(FAILED, "send_unresolved_once")).toEqual(BROKEN);
});

it("a reason that nothing can lead to has no cause", () => {
  expect(reported({ moment: Moment.REFUSED, reason: "stage_failed" })).toEqual(BROKEN);
  expect(ends(DEAD, "ledger_malformed")).toEqual(BROKEN);
});
