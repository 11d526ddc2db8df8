import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { channels } from "#domain/channels/channel.ts";
import { type Asked, type CategoryChoice, decide, heededHours, type PersonFacts } from "#domain/decide/decide.ts";
import type { Suppression } from "#domain/decide/suppression.ts";
import { type Reason, reasons } from "#domain/reasons.ts";
import { Channel, Priority } from "#gen/carillon/common/v1/common_pb.ts";

const NOW = 1_700_000_000_000;
const asked = (over: Partial<Asked> = {}): Asked => ({
  userId: "ann",
  email: "",
  actor: "",
  category: "orders",
  channels: [],
  priority: Priority.MEDIUM,
  expiresAtMs: NOW + 1_000,
  suppressions: [],
  erased: false,
  ...over,
});
const undisturbed = { quietHours: undefined, timeZone: "UTC" };
const ann = (...categories: CategoryChoice[]): PersonFacts => ({ email: "ann@example.com", categories, ...undisturbed });
const chose = (category: string, over: Partial<CategoryChoice> = {}): CategoryChoice => ({
  ...{ category, muted: false, mutedUntilMs: 0, channels: [] },
  ...over,
});

const suppressed = (who: { userId?: string; address?: string }, reason: Reason = "suppressed_bounce"): Suppression => ({
  ...{ userId: "", channel: who.address ? Channel.EMAIL : Channel.UNSPECIFIED, address: "", reason },
  ...who,
});

/** "email+channel_default, web-no_person": plus for used, minus for not, reasons joined by ">". */
const told = (request: Asked, facts: PersonFacts | undefined) =>
  decide(request, facts, NOW).map(
    ({ channel, send, reasons }) => `${channel === Channel.EMAIL ? "email" : "web"}${send ? "+" : "-"}${reasons.join(">")}`,
  );

describe("who is told how", () => {
  test("without any choice every channel that reaches the person is used", () => {
    expect(told(asked(), ann())).toEqual(["email+channel_default", "web+channel_default"]);
    expect(told(asked(), { ...ann(), email: "" })).toEqual(["email-no_email_address", "web+channel_default"]);
  });

  test("a bare address has no inbox", () => {
    const [email, web] = decide(asked({ userId: "", email: "x@example.com" }), undefined, NOW);
    expect(email).toMatchObject({ send: true, target: "x@example.com", reasons: ["one_time_address", "channel_default"] });
    expect(web).toMatchObject({ send: false, reasons: ["no_person"] });
  });

  test("a one-time address is used instead of the person's own", () => {
    expect(decide(asked({ email: "x@example.com" }), ann(), NOW)[0]?.target).toBe("x@example.com");
    expect(decide(asked(), ann(), NOW)[0]?.target).toBe("ann@example.com");
  });

  test("the sender's channels are used and no others", () => {
    expect(told(asked({ channels: [Channel.EMAIL] }), ann())).toEqual(["email+channel_requested", "web-not_requested"]);
    expect(told(asked({ channels: [Channel.EMAIL] }), undefined)).toEqual([
      "email-channel_requested>no_email_address",
      "web-not_requested",
    ]);
  });

  test("the person's channels for the category are used, or those for everything", () => {
    const web = { channels: [Channel.WEB] };
    expect(told(asked(), ann(chose("orders", web)))).toEqual(["email-not_preferred", "web+channel_preferred"]);
    expect(told(asked(), ann(chose("*", web)))).toEqual(["email-not_preferred", "web+channel_preferred"]);
    expect(told(asked(), ann(chose("*", web), chose("orders")))).toEqual(["email+channel_default", "web+channel_default"]);
    expect(told(asked(), ann(chose("other", web)))).toEqual(["email+channel_default", "web+channel_default"]);
  });

  test("the person's choice wins over the sender's, except for critical notifications", () => {
    const request = asked({ channels: [Channel.EMAIL] });
    const facts = ann(chose("orders", { channels: [Channel.WEB] }));
    expect(told(request, facts)).toEqual(["email-channel_requested>not_preferred", "web-not_requested"]);
    expect(told({ ...request, priority: Priority.CRITICAL }, facts)).toEqual([
      "email+channel_requested>critical_passes_choice",
      "web-not_requested",
    ]);
    expect(told({ ...request, channels: [], priority: Priority.CRITICAL }, facts)).toEqual([
      "email-not_preferred",
      "web+channel_preferred",
    ]);
  });

  test("a mute silences, and a category with a choice of its own escapes the mute of everything", () => {
    expect(told(asked(), ann(chose("orders", { muted: true })))).toEqual(["email-category_muted", "web-category_muted"]);
    expect(told(asked(), ann(chose("*", { muted: true })))).toEqual(["email-everything_muted", "web-everything_muted"]);
    expect(told(asked(), ann(chose("*", { muted: true }), chose("orders")))).toEqual(["email+channel_default", "web+channel_default"]);
  });

  test("critical passes a mute and says so", () => {
    expect(told(asked({ priority: Priority.CRITICAL }), ann(chose("*", { muted: true })))).toEqual([
      "email+channel_default>critical_passes_mute",
      "web+channel_default>critical_passes_mute",
    ]);
  });

  test("a mute until a time silences until then, and names the time", () => {
    const until = (mutedUntilMs: number, over: Partial<CategoryChoice> = {}) => chose("orders", { mutedUntilMs, ...over });
    expect(told(asked(), ann(until(NOW + 1)))).toEqual(["email-category_muted_until", "web-category_muted_until"]);
    expect(decide(asked(), ann(until(NOW + 1)), NOW).map(({ untilMs }) => untilMs)).toEqual([NOW + 1, NOW + 1]);
    expect(told(asked(), ann(until(NOW)))).toEqual(["email+channel_default", "web+channel_default"]);
    expect(told(asked(), ann(until(NOW + 1, { muted: true })))).toEqual(["email-category_muted", "web-category_muted"]);
    expect(told(asked({ priority: Priority.CRITICAL }), ann(until(NOW + 1)))[0]).toBe("email+channel_default>critical_passes_mute");
  });

  test("a mute of everything until a time silences also categories with a choice of their own; of two ends the later is named", () => {
    const all = chose("*", { mutedUntilMs: NOW + 5 });
    const everything = ["email-everything_muted_until", "web-everything_muted_until"];
    expect(told(asked(), ann(all, chose("orders", { channels: [Channel.WEB] })))).toEqual(everything);
    expect(told(asked(), ann(all, chose("orders", { mutedUntilMs: NOW + 3 })))).toEqual(everything);
    const longer = ann(all, chose("orders", { mutedUntilMs: NOW + 9 }));
    expect(decide(asked(), longer, NOW)[0]).toMatchObject({ reasons: ["category_muted_until"], untilMs: NOW + 9 });
  });

  test("a mute until a time is no choice that escapes the mute of everything, or its channels", () => {
    const passed = chose("orders", { mutedUntilMs: NOW - 1 });
    expect(told(asked(), ann(chose("*", { muted: true }), passed))).toEqual(["email-everything_muted", "web-everything_muted"]);
    expect(told(asked(), ann(chose("*", { channels: [Channel.WEB] }), passed))).toEqual(["email-not_preferred", "web+channel_preferred"]);
  });

  test("in quiet hours what is sent waits until they end; critical goes at once", () => {
    // NOW is 22:13:20 UTC.
    const endMs = Date.parse("2023-11-15T07:00:00Z");
    const night = { ...ann(), quietHours: { start: "22:00", end: "07:00", days: [] }, timeZone: "UTC" };
    const request = asked({ channels: [Channel.EMAIL], expiresAtMs: endMs + 1 });
    const [email, web] = decide(request, night, NOW);
    expect(email).toMatchObject({ send: true, reasons: ["channel_requested", "quiet_hours"], target: "ann@example.com", untilMs: endMs });
    expect(web).toMatchObject({ send: false, reasons: ["not_requested"], untilMs: 0 });
    expect(told({ ...request, expiresAtMs: endMs }, night)[0]).toBe("email-channel_requested>expires_in_quiet_hours");
    const [critical] = decide({ ...request, priority: Priority.CRITICAL }, night, NOW);
    expect(critical).toMatchObject({ send: true, reasons: ["channel_requested", "critical_passes_quiet_hours"], untilMs: 0 });
    expect(decide(request, { ...night, timeZone: "America/New_York" }, NOW)[0]).toMatchObject({ send: true, untilMs: 0 });
  });

  test("the hours go along for later tries, where there are any; critical has none to heed", () => {
    const hours = { start: "22:00", end: "07:00", days: [] };
    const night = { ...ann(), quietHours: hours, timeZone: "Europe/Vienna" };
    expect(heededHours(asked(), night)).toEqual({ quietHours: hours, timeZone: "Europe/Vienna" });
    expect(heededHours(asked({ priority: Priority.CRITICAL }), night)).toBeUndefined();
    for (const facts of [ann(), undefined]) expect(heededHours(asked(), facts)).toBeUndefined();
  });

  test("nothing is sent once it has expired", () => {
    expect(told(asked({ expiresAtMs: NOW }), ann())).toEqual(["email-expired", "web-expired"]);
  });
});

const anyChannels = fc.subarray([...channels]);
const anyEnd = fc.constantFrom(0, NOW - 1, NOW, NOW + 1, NOW + 3_600_000);
const anyHours = fc.option(
  fc.record({ start: fc.constantFrom("00:00", "22:00"), end: fc.constantFrom("12:30", "24:00"), days: fc.constant([]) }),
  { nil: undefined },
);
const anyChoice = fc.record({
  category: fc.constantFrom("orders", "other", "*"),
  muted: fc.boolean(),
  mutedUntilMs: anyEnd,
  channels: anyChannels,
});
const anyFacts: fc.Arbitrary<PersonFacts | undefined> = fc.option(
  fc.record({
    email: fc.constantFrom("", "ann@example.com"),
    categories: fc.uniqueArray(anyChoice, { selector: ({ category }) => category }),
    quietHours: anyHours,
    timeZone: fc.constantFrom("UTC", "America/New_York", "Asia/Kolkata"),
  }),
  { nil: undefined },
);
const anyAsked: fc.Arbitrary<Asked> = fc.record({
  userId: fc.constantFrom("", "ann"),
  email: fc.constantFrom("", "once@example.com"),
  actor: fc.constantFrom("", "ann", "bo"),
  category: fc.constantFrom("orders", "other", "third"),
  channels: anyChannels,
  wordedChannels: anyChannels,
  priority: fc.constantFrom(Priority.LOW, Priority.MEDIUM, Priority.HIGH, Priority.CRITICAL),
  expiresAtMs: fc.constantFrom(NOW - 1, NOW, NOW + 1, NOW + 24 * 3_600_000),
  suppressions: fc.subarray([suppressed({ userId: "ann" }), suppressed({ userId: "bo" }), suppressed({ address: "Once@example.com" })]),
  erased: fc.boolean(),
});
const always = (holds: (request: Asked, facts: PersonFacts | undefined, decisions: ReturnType<typeof decide>) => void) =>
  fc.assert(
    fc.property(anyAsked, anyFacts, (request, facts) => holds(request, facts, decide(request, facts, NOW))),
    { numRuns: 2_000 },
  );

describe("who is on the suppression list", () => {
  test("a person hears nothing on any channel, not even what is critical", () => {
    const suppressions = [suppressed({ userId: "bo" }), suppressed({ userId: "ann" }, "suppressed_complaint")];
    expect(told(asked({ suppressions, priority: Priority.CRITICAL }), ann())).toEqual([
      "email-suppressed_complaint",
      "web-suppressed_complaint",
    ]);
  });

  test("an address is not sent to, in whatever case it is written; other channels of the person are", () => {
    const suppressions = [suppressed({ address: "ANN@Example.com" })];
    expect(told(asked({ suppressions, priority: Priority.CRITICAL }), ann())).toEqual(["email-suppressed_bounce", "web+channel_default"]);
    expect(told(asked({ suppressions, email: "x@example.com" }), ann())[0]).toBe("email+one_time_address>channel_default");
    expect(told(asked({ suppressions, channels: [Channel.EMAIL] }), ann())[0]).toBe("email-channel_requested>suppressed_bounce");
  });

  test("a bare address is not sent to", () => {
    const suppressions = [suppressed({ address: "x@example.com" }, "suppressed_unsubscribe")];
    expect(told(asked({ userId: "", email: "X@example.com", suppressions }), undefined)[0]).toBe("email-suppressed_unsubscribe");
  });
});

describe("whatever is asked and whoever it is for", () => {
  test("nothing goes to who was erased", () =>
    always(({ erased }, _facts, decisions) => {
      if (erased) expect(decisions.some(({ send }) => send)).toBe(false);
    }));

  test("nothing goes to whom or where the suppression list names", () =>
    always(({ userId, suppressions }, _facts, decisions) => {
      const named = suppressions.map((each) => each.userId || each.address.toLowerCase());
      for (const { send, target } of decisions) expect(send && (named.includes(userId) || named.includes(target))).toBe(false);
    }));

  test("every channel is decided exactly once, with reasons of the catalogue, none twice", () =>
    always((_request, _facts, decisions) => {
      expect(decisions.map(({ channel }) => channel)).toEqual([...channels]);
      for (const { reasons: why } of decisions) {
        expect(why.length).toBeGreaterThan(0);
        expect(new Set(why).size).toBe(why.length);
        for (const code of why) expect(reasons).toHaveProperty(code);
      }
    }));

  test("nothing is sent for one's own act or after expiry", () =>
    always(({ actor, userId, expiresAtMs }, _facts, decisions) => {
      if ((actor !== "" && actor === userId) || expiresAtMs <= NOW) expect(decisions.some(({ send }) => send)).toBe(false);
    }));

  test("what is sent has somewhere to go, what is not has no target", () =>
    always((request, facts, decisions) => {
      for (const { channel, send, target } of decisions) {
        if (!send || channel === Channel.WEB) expect(target).toBe("");
        else expect(target).toBe(request.email || facts?.email);
        if (send && channel === Channel.WEB) expect(request.userId).not.toBe("");
      }
    }));

  test("what waits is sent later than now and before it expires, and nothing critical waits", () =>
    always(({ priority, expiresAtMs }, _facts, decisions) => {
      for (const { send, untilMs, reasons: why } of decisions) {
        if (send) expect(why.includes("quiet_hours")).toBe(untilMs > 0);
        if (send && untilMs > 0) expect([priority !== Priority.CRITICAL, untilMs > NOW, untilMs < expiresAtMs]).toEqual([true, true, true]);
      }
    }));

  test("nothing goes to a channel that the sender left out", () =>
    always((request, _facts, decisions) => {
      if (request.channels.length > 0)
        for (const { channel, send } of decisions) expect(send && !request.channels.includes(channel)).toBe(false);
    }));

  test("nothing goes to a channel that there are no words for, and that is the reason unless there is one for all", () => {
    expect(told(asked({ wordedChannels: [Channel.EMAIL] }), ann())).toEqual(["email+channel_default", "web-no_words"]);
    return always(({ wordedChannels = [] }, _facts, decisions) => {
      if (wordedChannels.length > 0)
        for (const { channel, send } of decisions) expect(send && !wordedChannels.includes(channel)).toBe(false);
    });
  });

  test("a mute changes nothing about a critical notification but its reasons", () =>
    always((request, facts, _decisions) => {
      const critical = { ...request, priority: Priority.CRITICAL };
      const wasChoice = ({ muted, mutedUntilMs, channels }: CategoryChoice) => muted || mutedUntilMs === 0 || channels.length > 0;
      const spoken = (each: CategoryChoice) => ({ ...each, muted: false, mutedUntilMs: 0 });
      const unmuted = facts && { ...facts, categories: facts.categories.filter(wasChoice).map(spoken) };
      const sent = (of: PersonFacts | undefined) => decide(critical, of, NOW).map(({ send }) => send);
      expect(sent(facts)).toEqual(sent(unmuted));
    }));

  test("critical is never sent to fewer channels than the same with less urgency", () =>
    always((request, facts, decisions) => {
      const critical = decide({ ...request, priority: Priority.CRITICAL }, facts, NOW);
      for (const [index, { send }] of decisions.entries()) if (send) expect(critical[index]?.send).toBe(true);
    }));
});
