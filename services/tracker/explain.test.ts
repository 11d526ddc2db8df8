import { describe, expect, it } from "vitest";
import { sentence } from "#domain/reasons.ts";
import { Priority } from "#gen/carillon/common/v1/common_pb.ts";
import type { DeliveryEvent } from "#gen/carillon/event/v1/event_pb.ts";
import { attemptsOf } from "./attempts.ts";
import { explain } from "./explain.ts";
import { historyOf } from "./history.ts";
import * as story from "./story.fixture.ts";

const { EMAIL, WEB, QUEUED, DEFERRED, SENT, DEAD, EXPIRED, asked, canceled, change, decided, refused, request } = story;

const steps = (...events: DeliveryEvent[]) => explain(historyOf(story.NOTIFICATION, events));
const words = (...events: DeliveryEvent[]) =>
  steps(...events).map(({ stage, userId, channel, reasons }) => [stage, userId, channel, ...reasons]);
const attempts = (...events: DeliveryEvent[]) => attemptsOf(historyOf(story.NOTIFICATION, events));

describe("the explanation of a notification", () => {
  it("tells the template, its version and the locale, and why it could not be filled in", () => {
    const requested = request({ template: { name: "liked", version: 3 } });
    const decision = { channel: EMAIL, send: true, reasons: ["channel_default"], target: "ann@example.test", locale: "pt-BR" };
    const detail = 'template "liked" version 3: body, line 1, column 1: a is an object';
    const told = steps(
      asked(requested),
      decided("ann", [decision]),
      change("ann", EMAIL, DEAD, 2_000n, { reason: "render_failed", detail }),
    );
    expect(told[0]?.sentences).toContain('The words come from version 3 of the template "liked".');
    expect(told[1]?.sentences).toContain("It is written in pt-BR, or the nearest that the template has.");
    expect(told.at(-1)?.sentences).toEqual([sentence("render_failed"), `Found: ${detail}.`]);
  });

  it("tells the whole story in the order that things happened", () => {
    expect(words(...story.likedStory())).toEqual([
      ["asked", "", 0],
      ["decided", "ann", EMAIL, "channel_default"],
      ["decided", "ann", WEB, "channel_default"],
      ["not used", "bo", EMAIL, "category_muted"],
      ["not used", "bo", WEB, "category_muted"],
      ["skipped", "bo", 0, "category_muted"],
      ["queued", "ann", EMAIL],
      ["queued", "ann", WEB],
      ["sent", "ann", WEB, "stored_in_inbox"],
      ["waiting", "ann", EMAIL, "temporarily_refused"],
      ["sent", "ann", EMAIL, "accepted_by_provider"],
    ]);
  });

  it("reads well at three in the morning", () => {
    const told = steps(...story.likedStory());
    expect(told.map(({ sentences }) => sentences.join(" "))).toEqual([
      'The sender asked to notify ann and bo of "post.liked" in the category "post". The sender named no channels, so preferences choose. No send starts after 1970-01-01 02:30:00 UTC.',
      `${sentence("channel_default")} It goes to ann@example.test.`,
      sentence("channel_default"),
      "The person muted this category.",
      "The person muted this category.",
      "The person muted this category. So nothing was sent to bo.",
      "It was put in line for its first attempt.",
      "It was put in line for its first attempt.",
      sentence("stored_in_inbox"),
      `${sentence("temporarily_refused")} smtp said: "450 mailbox busy". It is due again at 1970-01-01 00:00:06 UTC.`,
      `${sentence("accepted_by_provider")} smtp knows it as <1@x>.`,
    ]);
    expect(told.map(({ attempt }) => attempt)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2]);
  });

  it("says who asked for what: channels, priority, who caused it, and not more names than one can read", () => {
    const recipients = Array.from({ length: 1_000 }, (_, n) => ({ userId: `user-${n}` }));
    const [first] = steps(
      asked(request({ recipients, channels: [EMAIL, WEB], priority: Priority.CRITICAL, actor: "bo", expiresAtMs: 0n })),
    );
    expect(first?.atMs).toBe(1_000n);
    expect(first?.sentences).toEqual([
      'The sender asked to notify user-0, user-1, user-2, user-3, user-4 and 995 more of "post.liked" in the category "post".',
      "The sender named the channels email and web.",
      "The sender gave it critical priority.",
      "bo caused it.",
    ]);
  });

  it("names a bare address where there is no person", () => {
    const [first] = steps(asked(request({ recipients: [{ email: "a@b.test" }], eventType: "", category: "general" })));
    expect(first?.sentences[0]).toBe('The sender asked to notify a@b.test in the category "general".');
  });

  it.each([
    ["ann", "bo"],
    ["bo", "ann"],
  ])("lists recipients that were decided for at one time in the order asked for (%s, %s)", (...order) => {
    const muted = (userId: string) => decided(userId, [{ channel: EMAIL, send: false, reasons: ["category_muted"] }]);
    const told = words(asked(request({ recipients: order.map((userId) => ({ userId })) })), muted("ann"), muted("bo"));
    expect(told.filter(([stage]) => stage === "skipped").map(([, userId]) => userId)).toEqual(order);
  });

  it("gives the reason that decided, not the channels that nobody asked for", () => {
    const nowhere = decided("ann", [
      { channel: EMAIL, send: false, reasons: ["channel_requested", "no_email_address"] },
      { channel: WEB, send: false, reasons: ["not_requested"] },
    ]);
    expect(words(asked(), nowhere).slice(1)).toEqual([
      ["not used", "ann", EMAIL, "channel_requested", "no_email_address"],
      ["not used", "ann", WEB, "not_requested"],
      ["skipped", "ann", 0, "no_email_address"],
    ]);
  });

  it("calls it expired when it expired before it was decided", () => {
    const expired = decided("ann", [{ channel: EMAIL, send: false, reasons: ["expired"] }]);
    expect(words(asked(), expired).at(-1)).toEqual(["expired", "ann", 0, "expired"]);
  });

  it("does not call a recipient skipped who gets it on any channel", () => {
    const one = decided("ann", [
      { channel: EMAIL, send: false, reasons: ["no_email_address"] },
      { channel: WEB, send: true, reasons: ["channel_default"] },
    ]);
    expect(words(asked(), one).map(([stage]) => stage)).toEqual(["asked", "not used", "decided", "queued"]);
  });

  it("tells of a dead letter and its replay", () => {
    const dead = change("ann", EMAIL, DEAD, 2_000n, { attempt: 4, reason: "attempts_exhausted", detail: "550 no" });
    const replayed = change("ann", EMAIL, QUEUED, 3_000n, { cycle: 2 });
    const [, first, second] = steps(asked(), dead, replayed);
    expect(first).toMatchObject({ stage: "dead", attempt: 4, sentences: [sentence("attempts_exhausted"), 'The provider said: "550 no".'] });
    expect(second).toMatchObject({
      stage: "queued",
      sentences: ["It was put in line for its first attempt.", "This is a replay of its dead letter."],
    });
  });

  it("says for when it is scheduled, right after who asked", () => {
    const [, scheduled] = steps(asked(request({ sendAtMs: 5_000_000n })));
    expect(scheduled).toMatchObject({
      ...{ stage: "scheduled", atMs: 1_000n },
      sentences: ["It is scheduled for 1970-01-01 01:23:20 UTC; nothing is decided before."],
    });
  });

  it("says until when quiet hours hold it back, and until when a mute lasts", () => {
    const waits = decided("ann", [{ channel: EMAIL, send: true, reasons: ["channel_default", "quiet_hours"], untilMs: 5_000_000n }]);
    expect(steps(waits).map(({ stage, reasons, sentences }) => [stage, reasons.at(-1), sentences.at(-1)])).toEqual([
      ["decided", "quiet_hours", "That is until 1970-01-01 01:23:20 UTC."],
      ["waiting", "quiet_hours", "It is due at 1970-01-01 01:23:20 UTC."],
    ]);
    const muted = decided("ann", [{ channel: EMAIL, send: false, reasons: ["category_muted_until"], untilMs: 5_000_000n }]);
    expect(steps(muted)[1]).toMatchObject({
      stage: "skipped",
      sentences: [sentence("category_muted_until"), "That is until 1970-01-01 01:23:20 UTC.", "So nothing was sent to ann."],
    });
  });

  it("says of a channel that repeats a send, when it was decided, that the category may be sent at most once", () => {
    const both = [EMAIL, WEB].map((channel) => ({ channel, send: true, reasons: ["channel_default"] }));
    const told = (atMostOnce: boolean) => steps({ ...decided("ann", both), atMostOnce }).map(({ sentences }) => sentences.join(" "));
    expect(told(true)[0]).toContain("sent at most once");
    expect([...told(true).slice(1), ...told(false)].join()).not.toContain("at most once");
  });

  it("tells of a cancel, and of what it came too late for", () => {
    expect(steps(canceled())).toMatchObject([
      { stage: "canceled", sentences: ["The sender canceled it: from here on no send of it starts."] },
    ]);
    expect(steps(canceled("one"))[0]?.sentences[1]).toBe("That came too late for one delivery, which had been sent or was being sent.");
    expect(steps(canceled("one", "two"))[0]?.sentences[1]).toContain("for 2 deliveries, which had been sent or were being sent.");
    const stopped = decided("ann", [{ channel: EMAIL, send: false, reasons: ["channel_default", "canceled"] }]);
    expect(words(stopped).at(-1)).toEqual(["canceled", "ann", 0, "canceled"]);
  });

  it("tells of a refusal and what was found", () => {
    const [step] = steps(refused("invalid", { detail: "recipients: there must be one" }));
    expect(step).toMatchObject({
      stage: "refused",
      reasons: ["invalid"],
      sentences: [sentence("invalid"), "Found: recipients: there must be one."],
    });
  });

  it("bears a time that no calendar holds, and a status that it does not know", () => {
    const [first] = steps(asked(request({ expiresAtMs: 2n ** 62n })));
    expect(first?.sentences.at(-1)).toContain("UTC");
    expect(words(change("ann", EMAIL, 99 as never, 5n))).toEqual([]);
  });
});

describe("the attempts of a notification", () => {
  it("are those that reached for a provider, oldest first", () => {
    const outage = change("ann", EMAIL, DEFERRED, 1_012n, { wait: 1, reason: "provider_unavailable", provider: "smtp" });
    const parked = change("ann", EMAIL, DEFERRED, 1_012n, { wait: 3, reason: "provider_unavailable" });
    const limited = change("ann", EMAIL, DEFERRED, 1_012n, { wait: 4, reason: "rate_limited" });
    const leased = change("ann", EMAIL, DEFERRED, 1_013n, { wait: 2, reason: "lease_held" });
    const expired = change("ann", WEB, EXPIRED, 1_014n, { reason: "expired" });
    const found = attempts(leased, expired, parked, limited, outage, ...story.likedStory().toReversed());
    expect(found.map(({ channel, status, attempt, reason }) => [channel, status, attempt, reason])).toEqual([
      [EMAIL, DEFERRED, 0, "provider_unavailable"],
      [WEB, SENT, 1, "stored_in_inbox"],
      [EMAIL, DEFERRED, 1, "temporarily_refused"],
      [EMAIL, SENT, 2, "accepted_by_provider"],
    ]);
    expect(found.at(-1)).toMatchObject({
      target: "ann@example.test",
      cycle: 1,
      provider: "smtp",
      providerMessageId: "<1@x>",
      atMs: 6_100n,
    });
  });
});
