import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { channels } from "#domain/channels/channel.ts";
import { type Asked, type CategoryChoice, decide, type PersonFacts } from "#domain/decide/decide.ts";
import { reasons } from "#domain/reasons.ts";
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
  ...over,
});
const ann = (...categories: CategoryChoice[]): PersonFacts => ({ email: "ann@example.com", categories });
const chose = (category: string, over: Partial<CategoryChoice> = {}): CategoryChoice => ({ category, muted: false, channels: [], ...over });

/** "email+channel_default, web-no_person": plus for used, minus for not, reasons joined by ">". */
const told = (request: Asked, facts: PersonFacts | undefined) =>
  decide(request, facts, NOW).map(
    ({ channel, send, reasons }) => `${channel === Channel.EMAIL ? "email" : "web"}${send ? "+" : "-"}${reasons.join(">")}`,
  );

describe("who is told how", () => {
  test("without any choice every channel that reaches the person is used", () => {
    expect(told(asked(), ann())).toEqual(["email+channel_default", "web+channel_default"]);
    expect(told(asked(), { email: "", categories: [] })).toEqual(["email-no_email_address", "web+channel_default"]);
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

  test("nothing is sent once it has expired", () => {
    expect(told(asked({ expiresAtMs: NOW }), ann())).toEqual(["email-expired", "web-expired"]);
  });
});

const anyChannels = fc.subarray([...channels]);
const anyChoice = fc.record({ category: fc.constantFrom("orders", "other", "*"), muted: fc.boolean(), channels: anyChannels });
const anyFacts: fc.Arbitrary<PersonFacts | undefined> = fc.option(
  fc.record({
    email: fc.constantFrom("", "ann@example.com"),
    categories: fc.uniqueArray(anyChoice, { selector: ({ category }) => category }),
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
  expiresAtMs: fc.constantFrom(NOW - 1, NOW, NOW + 1),
});
const always = (holds: (request: Asked, facts: PersonFacts | undefined, decisions: ReturnType<typeof decide>) => void) =>
  fc.assert(
    fc.property(anyAsked, anyFacts, (request, facts) => holds(request, facts, decide(request, facts, NOW))),
    { numRuns: 2_000 },
  );

describe("whatever is asked and whoever it is for", () => {
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
      const unmuted = facts && { ...facts, categories: facts.categories.map((each) => ({ ...each, muted: false })) };
      const sent = (of: PersonFacts | undefined) => decide(critical, of, NOW).map(({ send }) => send);
      expect(sent(facts)).toEqual(sent(unmuted));
    }));

  test("critical is never sent to fewer channels than the same with less urgency", () =>
    always((request, facts, decisions) => {
      const critical = decide({ ...request, priority: Priority.CRITICAL }, facts, NOW);
      for (const [index, { send }] of decisions.entries()) if (send) expect(critical[index]?.send).toBe(true);
    }));
});
