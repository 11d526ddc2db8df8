import { describe, expect, it } from "vitest";
import { HeldInbox } from "./inbox.fixture.ts";
import { Line, settled } from "./session.fixture.ts";

/** An inbox with so many messages. */
function holding(count: number, options: { page?: number; kept?: number } = {}): HeldInbox {
  const inbox = new HeldInbox(options);
  for (let n = 0; n < count; n++) inbox.put();
  return inbox;
}

describe("a session's messages", () => {
  it("are the newest page, and then what comes live", async () => {
    const inbox = holding(3, { page: 2 });
    const line = new Line(inbox);
    await line.hello();
    await line.hear(inbox.put(), inbox.put());
    expect(line.story).toEqual(["welcome", 2, 3, 4, 5]);
    expect(line.last("welcome")).toMatchObject({ cursor: "e0:1", topSeq: 3n, heartbeatMs: 30_000 });
    expect(line.last("message")).toMatchObject({ cursor: "e0:5", message: { title: "the 5.", notificationId: "e0-n5" } });
  });

  it("begin with the very first of a person who had none", async () => {
    const inbox = new HeldInbox();
    const line = new Line(inbox);
    await line.hello();
    await line.hear(inbox.put(), inbox.put());
    expect(line.story).toEqual(["welcome", 1, 2]);
    expect(line.last("welcome")).toMatchObject({ cursor: "", topSeq: 0n });
  });

  it("come whole to a person who had none, also when at once there are more than a page", async () => {
    const inbox = new HeldInbox({ page: 2 });
    const line = new Line(inbox);
    await line.hello();
    const [, , , , fifth] = [inbox.put(), inbox.put(), inbox.put(), inbox.put(), inbox.put()];
    await line.hear(fifth as Uint8Array);
    expect(line.story).toEqual(["welcome", 1, 2, 3, 4, 5]);
  });

  it("come once when they are published while the first page is on its way, whether it holds them or not", async () => {
    const inbox = holding(1);
    const line = new Line(inbox);
    line.isHolding = true;
    await line.hello();
    await line.release();
    const heardBeforeTheSubscription = inbox.put();
    await line.hear(heardBeforeTheSubscription);
    await line.release();
    const read = inbox.put();
    line.isHolding = false;
    await line.hear(read);
    expect(line.story).toEqual([]);
    await line.release();
    expect(line.story).toEqual(["welcome", 1, 2, 3]);
  });

  it("are read in pages until there are no more", async () => {
    const inbox = holding(120);
    const line = new Line(inbox);
    await line.hello({ cursor: "e0:5" });
    expect(line.story).toEqual(["welcome", ...Array.from({ length: 115 }, (_, index) => index + 6)]);
  });

  it("follow the cursor that the browser comes back with", async () => {
    const inbox = holding(5);
    const line = new Line(inbox);
    await line.hello({ cursor: "e0:3" });
    await line.hear(inbox.put());
    expect(line.story).toEqual(["welcome", 4, 5, 6]);
    expect(line.last("welcome")).toMatchObject({ cursor: "e0:3", topSeq: 5n });
  });

  it.each([
    ["of another epoch", "gone:4"],
    ["beyond the newest", "e0:9"],
    ["older than what is kept", "e0:1"],
    ["that is none", "e0"],
    ["that is junk", "\u0000{}".repeat(100)],
  ])("begin anew after a cursor %s", async (_, cursor) => {
    const line = new Line(holding(5, { page: 2, kept: 3 }));
    await line.hello({ cursor });
    expect(line.story).toEqual(["welcome", "reset", 4, 5]);
  });

  it("begin anew, with nothing, when the inbox is gone that the cursor is of", async () => {
    const inbox = new HeldInbox();
    const line = new Line(inbox);
    await line.hello({ cursor: "gone:4" });
    await line.hear(inbox.put());
    expect(line.story).toEqual(["welcome", "reset", 1]);
  });

  it("follow the notification that the browser saw last, and the cursor rather than that", async () => {
    const storyAfter = async (place: { cursor?: string; lastNotificationId?: string }) => {
      const line = new Line(holding(5));
      await line.hello(place);
      return line.story;
    };
    expect(await storyAfter({ lastNotificationId: "e0-n3" })).toEqual(["welcome", 4, 5]);
    expect(await storyAfter({ cursor: "e0:4", lastNotificationId: "e0-n3" })).toEqual(["welcome", 5]);
    for (const lastNotificationId of ["never-heard-of", "n".repeat(65)])
      expect(await storyAfter({ lastNotificationId })).toEqual(["welcome", "reset", 1, 2, 3, 4, 5]);
  });

  it("are none, and then the live ones, when the notification seen last is the newest", async () => {
    const inbox = holding(5, { page: 2 });
    const line = new Line(inbox);
    await line.hello({ lastNotificationId: "e0-n5" });
    expect(line.story).toEqual(["welcome"]);
    for (const _lost of [6, 7, 8]) inbox.put();
    await line.hear(inbox.put());
    expect(line.story).toEqual(["welcome", 6, 7, 8, 9]);
  });

  it("that the fan-out repeats, mixes up or loses come once and in order", async () => {
    const inbox = holding(1);
    const line = new Line(inbox);
    await line.hello();
    const [second, third] = [inbox.put(), inbox.put()];
    await line.hear(third, second, third);
    inbox.put();
    await line.hear(inbox.put());
    expect(line.story).toEqual(["welcome", 1, 2, 3, 4, 5]);
  });

  it("are none of an inbox that is gone, however late one of them comes", async () => {
    const inbox = new HeldInbox();
    const belated = inbox.put();
    inbox.lose();
    const line = new Line(inbox);
    await line.hello();
    await line.hear(belated);
    await line.hear(inbox.put(), belated);
    expect(line.story).toEqual(["welcome", 1]);
    expect(line.last("message")).toMatchObject({ cursor: "e1:1" });
  });

  it("are looked for at every heartbeat: the last of all may have been lost, and nothing else shows it", async () => {
    const inbox = holding(1);
    const line = new Line(inbox);
    await line.hello();
    inbox.put();
    await line.session.beat();
    expect(line.story).toEqual(["welcome", 1, 2, "ping"]);
    expect(line.last("ping")).toMatchObject({ topSeq: 2n });
  });

  it("are read by one read at a time, however many reasons there are for one", async () => {
    const inbox = holding(1);
    const line = new Line(inbox);
    await line.hello();
    line.isHolding = true;
    inbox.put();
    await line.hear(inbox.put(), inbox.put());
    void line.session.beat();
    await settled();
    expect(line.held).toHaveLength(1);
    line.isHolding = false;
    await line.release();
    expect(line.story).toEqual(["welcome", 1, "ping", 2, 3, 4]);
  });

  it("go on over a number that no message came of", async () => {
    const inbox = holding(2);
    inbox.skip();
    inbox.put();
    const line = new Line(inbox);
    await line.hello();
    await line.hear(inbox.put());
    expect(line.story).toEqual(["welcome", 1, 2, 4, 5]);
  });

  it("begin anew when the inbox does so under an open connection, and its top with them", async () => {
    const inbox = holding(9);
    const line = new Line(inbox);
    await line.hello({ cursor: "e0:9" });
    const late = inbox.put();
    inbox.lose();
    await line.hear(inbox.put(), inbox.put(), late);
    await line.session.beat();
    expect(line.story).toEqual(["welcome", "reset", 1, 2, "ping"]);
    expect(line.last("ping")).toMatchObject({ topSeq: 2n });
  });

  it("begin anew once, also when nothing is left of the inbox, or an older copy", async () => {
    const beginAnew = async (happens: (inbox: HeldInbox) => void) => {
      const inbox = holding(3);
      const line = new Line(inbox);
      await line.hello({ cursor: "e0:3" });
      happens(inbox);
      await line.session.beat();
      await line.session.beat();
      await line.hear(inbox.put());
      return line.story;
    };
    expect(await beginAnew((inbox) => inbox.lose())).toEqual(["welcome", "reset", "ping", "ping", 1]);
    expect(await beginAnew((inbox) => inbox.restore(2))).toEqual(["welcome", "reset", 1, 2, "ping", "ping", 3]);
  });
});

describe("a slow reader", () => {
  it("gets one resync in the place of a queue, and the rest once it has read", async () => {
    const inbox = holding(1);
    const line = new Line(inbox);
    await line.hello();
    line.isSlow = true;
    for (let n = 0; n < 6; n++) await line.hear(inbox.put());
    await line.drain();
    expect(line.story).toEqual(["welcome", 1, 2, 3, 4, "resync", 5, 6, 7]);
    expect(line.last("resync")).toMatchObject({ topSeq: 5n });
    await line.hear(inbox.put());
    expect(line.story.at(-1)).toBe(8);
  });

  it("may be slow from the first page on", async () => {
    const inbox = holding(7);
    const line = new Line(inbox);
    line.isSlow = true;
    await line.hello({ cursor: "e0:0" });
    await line.hear(inbox.put());
    await line.drain();
    expect(line.story).toEqual(["welcome", 1, 2, "resync", 3, 4, 5, 6, 7, 8]);
  });

  it("is asked for signs of life, and not read to before its time", async () => {
    const inbox = holding(1);
    const line = new Line(inbox);
    await line.hello();
    line.isSlow = true;
    for (let n = 0; n < 4; n++) await line.hear(inbox.put());
    await line.session.beat();
    await line.drain();
    expect(line.story).toEqual(["welcome", 1, 2, 3, 4, "resync", "ping", 5]);
  });

  it("is lost with its first dropped frame", async () => {
    const line = new Line(holding(2), { send: () => false });
    await line.hello();
    expect(line.code).toBe(3001);
  });
});

describe("a session", () => {
  it.each([
    ["a token that is not good", 3500, '{"hello":{"token":""}}'],
    ["a ping before hello", 3501, '{"ping":{}}'],
    ["a pong before hello", 3501, '{"pong":{}}'],
    ["a frame that the contract does not know", 3501, '{"hallo":{"token":"ann"}}'],
    ["an empty frame", 3501, "{}"],
    ["what is no JSON", 3501, "hello"],
  ])("ends for good on %s", async (_, code, text) => {
    const line = new Line(holding(1));
    await line.raw(text);
    expect([line.code, line.story, line.signedIn]).toEqual([code, ["goodbye"], 0]);
    expect(line.last("goodbye")).toMatchObject({ code, reconnectMs: 0 });
  });

  it("ends for good on a second hello, and on nonsense later on", async () => {
    for (const text of ['{"hello":{"token":"ann"}}', "nonsense"]) {
      const line = new Line(holding(1));
      await line.hello();
      await line.raw(text);
      expect([line.code, line.story]).toEqual([3501, ["welcome", 1, "goodbye"]]);
    }
  });

  it("ends for good when the person has too many connections", async () => {
    const line = new Line(holding(1), { signIn: () => false });
    await line.hello();
    expect([line.code, line.story]).toEqual([3502, ["goodbye"]]);
    expect(line.session.closed()).toBeUndefined();
  });

  it("ends when hello does not come in time, and the browser may try again", async () => {
    const line = new Line(holding(1));
    line.session.helloDue();
    expect([line.code, line.story]).toEqual([3004, ["goodbye"]]);
    expect(line.last("goodbye")).toMatchObject({ reconnectMs: 1_000 });
  });

  it("has had its hello in time although what follows takes longer", async () => {
    const line = new Line(holding(1));
    line.isHolding = true;
    await line.hello();
    line.session.helloDue();
    line.isHolding = false;
    await line.release();
    expect([line.code, line.story]).toEqual([undefined, ["welcome", 1]]);
  });

  it("answers a ping, also one that follows hello at once", async () => {
    const line = new Line(holding(1));
    line.isHolding = true;
    await line.hello();
    await line.say({ case: "ping", value: {} });
    line.isHolding = false;
    await line.release();
    await line.say({ case: "pong", value: {} });
    await line.say({ case: "ping", value: {} });
    expect([line.code, line.story]).toEqual([undefined, ["pong", "welcome", 1, "pong"]]);
  });

  it.each(["ping", "pong"] as const)("lives while the browser sends a %s now and then", async (kind) => {
    const line = new Line(holding(1));
    await line.hello();
    for (let n = 0; n < 6; n++) {
      await line.clock.advance(60_000);
      await line.session.beat();
      await line.say({ case: kind, value: {} });
    }
    expect(line.code).toBeUndefined();
  });

  it("ends when three heartbeats pass without a sign of life, and the browser may try again", async () => {
    const line = new Line(holding(1));
    await line.hello();
    const beat = async () => {
      await line.clock.advance(30_000);
      await line.session.beat();
      return line.code;
    };
    expect([await beat(), await beat(), await beat(), await beat()]).toEqual([undefined, undefined, undefined, 3002]);
    expect(line.story).toEqual(["welcome", 1, "ping", "ping", "ping", "goodbye"]);
  });

  it("ends when the inbox cannot be read, says so, and the browser may try again", async () => {
    const broken = new Error("no inbox");
    const line = new Line(holding(1), { list: () => Promise.reject(broken) });
    await line.hello();
    expect([line.code, line.story, line.reported]).toEqual([3003, ["goodbye"], [broken]]);
  });

  it("ends when a hole cannot be read, rather than going on over it", async () => {
    const inbox = holding(1);
    const line = new Line(inbox);
    await line.hello();
    line.isHolding = true;
    inbox.put();
    await line.hear(inbox.put());
    line.held.shift()?.fail(new Error("no inbox"));
    await settled();
    expect([line.code, line.story]).toEqual([3003, ["welcome", 1, "goodbye"]]);
  });

  it("ends when it cannot listen, or hears what it cannot read; who published feels nothing of it", async () => {
    const deaf = new Line(holding(1), { subscribe: () => Promise.reject(new Error("no fan-out")) });
    await deaf.hello();
    expect([deaf.code, deaf.story]).toEqual([3003, ["goodbye"]]);
    const line = new Line(holding(1));
    await line.hello();
    await line.hear(new Uint8Array([255, 255]), new Uint8Array());
    expect([line.code, line.story, line.reported.length]).toEqual([3003, ["welcome", 1, "goodbye"], 1]);
  });

  it("signs nobody in whose connection was lost before the token was read", async () => {
    const line = new Line(holding(1));
    line.isHolding = true;
    await line.hello();
    line.cut();
    await line.release();
    expect([line.signedIn, line.held.length]).toEqual([0, 0]);
  });

  it("falls silent when its connection is lost, whatever is still on its way", async () => {
    for (const steps of [1, 2]) {
      const inbox = holding(1);
      const line = new Line(inbox);
      line.isHolding = true;
      await line.hello();
      for (let step = 0; step < steps; step++) await line.release();
      line.cut();
      line.isHolding = false;
      await line.release();
      await line.hear(inbox.put());
      await line.session.beat();
      await line.hello();
      line.session.drained();
      expect([line.story, line.reported]).toEqual([[], []]);
    }
  });

  it("says goodbye once, with the time that it is given", async () => {
    const line = new Line(holding(1));
    await line.hello();
    line.session.end({ code: 3000, reason: "the gateway is going away" }, 4_321);
    line.session.end({ code: 3002, reason: "no heartbeat" });
    expect([line.code, line.story]).toEqual([3000, ["welcome", 1, "goodbye"]]);
    expect(line.last("goodbye")).toMatchObject({ code: 3000, reconnectMs: 4_321 });
  });
});
