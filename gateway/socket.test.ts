import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { soon, startGateway, Visitor } from "./socket.fixture.ts";

type Gateway = Awaited<ReturnType<typeof startGateway>>;

async function visit(
  { url, token }: Gateway,
  { userId = "ann", ...place }: { userId?: string; cursor?: string; lastNotificationId?: string } = {},
) {
  const visitor = new Visitor(url, { token: await token(userId), ...place });
  await soon(() => expect(visitor.saw("welcome") || visitor.code !== undefined).toBe(true));
  return visitor;
}

const closed = async (visitor: Visitor): Promise<number> => {
  await soon(() => expect(visitor.code).toBeDefined());
  return visitor.code as number;
};

describe("the gateway", () => {
  it("pushes a person's messages as they come, to each of their browsers and to nobody else's", async () => {
    const gateway = await startGateway();
    await gateway.publish(["before"]);
    const [one, other, stranger] = [await visit(gateway), await visit(gateway), await visit(gateway, { userId: "bo" })];
    await gateway.publish(["first", "second"]);
    await gateway.publish(["for bo"], { userId: "bo" });
    for (const browser of [one, other]) await soon(() => expect(browser.titles).toEqual(["before", "first", "second"]));
    await soon(() => expect(stranger.titles).toEqual(["for bo"]));
  });

  it("goes on after the cursor, or the notification, of a browser whose connection was cut", async () => {
    const gateway = await startGateway();
    const first = await visit(gateway);
    await gateway.publish(["seen"]);
    await soon(() => expect(first.titles).toEqual(["seen"]));
    first.socket.close();
    await closed(first);
    const missed = Array.from({ length: 120 }, (_, index) => `missed ${index}`);
    await gateway.publish(missed);
    const places = [{ cursor: first.cursor }, { lastNotificationId: "n1" }];
    const again = await Promise.all(places.map((place) => visit(gateway, place)));
    await gateway.publish(["live"]);
    for (const browser of again) await soon(() => expect(browser.titles).toEqual([...missed, "live"]));
  });

  it("has nothing new for whoever saw the newest notification last", async () => {
    const gateway = await startGateway();
    await gateway.publish(["one", "two"]);
    const browser = await visit(gateway, { lastNotificationId: "n2" });
    await gateway.publish(["three"]);
    await soon(() => expect(browser.titles).toEqual(["three"]));
  });

  it("tells a browser with a cursor of another inbox to begin anew", async () => {
    const gateway = await startGateway();
    await gateway.publish(["one", "two"]);
    const browser = await visit(gateway, { cursor: "gone:1" });
    await soon(() => expect(browser.titles).toEqual(["one", "two"]));
    expect(browser.frames.map((frame) => frame.case)).toEqual(["welcome", "reset", "message", "message"]);
  });

  it("loses and repeats nothing while many come and browsers arrive in the middle", async () => {
    const gateway = await startGateway();
    const titles = Array.from({ length: 300 }, (_, index) => `m${index}`);
    const browsers: Visitor[] = [];
    for (let from = 0; from < titles.length; from += 10) {
      await gateway.publish(titles.slice(from, from + 10));
      if (from % 60 === 0) browsers.push(new Visitor(gateway.url, { token: await gateway.token(), lastNotificationId: "n1" }));
    }
    for (const browser of browsers) await soon(() => expect(browser.titles).toEqual(titles.slice(1)));
  });
});

describe("a connection to the gateway", () => {
  it("ends for good with a token that somebody else made, or that has expired", async () => {
    const gateway = await startGateway();
    for (const token of ["nonsense", await gateway.token("ann", gateway.clock.nowMs() - 3_600_000)]) {
      const visitor = new Visitor(gateway.url, { token });
      expect(await closed(visitor)).toBe(3500);
      expect(visitor.frames).toMatchObject([{ case: "goodbye", value: { code: 3500, reconnectMs: 0 } }]);
    }
  });

  it("ends when its token has expired, and may be opened again at once, after the cursor", async () => {
    const gateway = await startGateway();
    const token = await gateway.token("ann", gateway.clock.nowMs() - 3_590_000);
    const first = new Visitor(gateway.url, { token });
    await gateway.publish(["in time"]);
    await soon(() => expect(first.titles).toEqual(["in time"]));
    await gateway.clock.advance(9_999);
    expect(first.code).toBeUndefined();
    await gateway.clock.advance(1);
    expect(await closed(first)).toBe(3005);
    expect(first.frames.at(-1)).toMatchObject({ case: "goodbye", value: { code: 3005, reconnectMs: 0 } });
    await soon(() => expect([gateway.connections(), gateway.subscriptions()]).toEqual([0, 0]));
    await gateway.publish(["meanwhile"]);
    const again = await visit(gateway, { cursor: first.cursor });
    await soon(() => expect(again.titles).toEqual(["meanwhile"]));
    expect(await closed(new Visitor(gateway.url, { token }))).toBe(3500);
  });

  it("ends when hello has not come within 5 s, and may be tried again", async () => {
    const gateway = await startGateway();
    const [mute, polite] = [new Visitor(gateway.url), await visit(gateway)];
    await soon(() => expect(gateway.connections()).toBe(2));
    await gateway.clock.advance(4_999);
    expect(mute.saw("goodbye")).toBe(false);
    await gateway.clock.advance(1);
    expect(await closed(mute)).toBe(3004);
    expect(polite.code).toBeUndefined();
  });

  it("waits the whole 5 s for hello, however fast hearts beat", async () => {
    const gateway = await startGateway({ heartbeatMs: 100 });
    const visitor = new Visitor(gateway.url);
    await soon(() => expect(gateway.connections()).toBe(1));
    await gateway.clock.advance(4_999);
    visitor.socket.send(JSON.stringify({ hello: { token: await gateway.token() } }));
    await soon(() => expect(visitor.saw("welcome")).toBe(true));
  });

  it("ends when its browser gives no sign of life for three heartbeats", async () => {
    const gateway = await startGateway();
    const visitor = await visit(gateway);
    await gateway.clock.advance(30_000);
    await soon(() => expect(visitor.saw("ping")).toBe(true));
    await gateway.clock.advance(90_000);
    expect(await closed(visitor)).toBe(3002);
  });

  it("ends on a frame of more than 16 KiB", async () => {
    const gateway = await startGateway();
    const visitor = await visit(gateway);
    visitor.socket.send(JSON.stringify({ hello: { token: "x".repeat(16 * 1_024) } }));
    expect(await closed(visitor)).toBe(1006);
  });

  it("ends for good when its person has too many, until one of those is gone", async () => {
    const gateway = await startGateway({ perUser: 2 });
    const [first] = [await visit(gateway), await visit(gateway)];
    const third = await visit(gateway);
    expect(await closed(third)).toBe(3502);
    expect((await visit(gateway, { userId: "bo" })).code).toBeUndefined();
    first?.socket.close();
    await soon(() => expect(gateway.connections()).toBe(2));
    expect((await visit(gateway)).code).toBeUndefined();
  });

  it("leaves nothing behind, also when it is lost in the middle of hello", async () => {
    const gateway = await startGateway({ perUser: 1 });
    const hello = JSON.stringify({ hello: { token: await gateway.token() } });
    for (let round = 0; round < 20; round++) {
      const visitor = new Visitor(gateway.url);
      await soon(() => expect(visitor.socket.readyState).toBe(WebSocket.OPEN));
      visitor.socket.send(hello);
      visitor.socket.close();
      await closed(visitor);
    }
    await soon(() => expect([gateway.connections(), gateway.subscriptions(), gateway.clock.sleepers()]).toEqual([0, 0, 0]));
    const visitor = await visit(gateway);
    expect([visitor.saw("welcome"), gateway.subscriptions()]).toEqual([true, 1]);
    visitor.socket.close();
    await soon(() => expect([gateway.connections(), gateway.subscriptions(), gateway.clock.sleepers()]).toEqual([0, 0, 0]));
  });

  it("is refused to an address that has too many, until one of those is gone", async () => {
    const gateway = await startGateway({ perAddress: 2 });
    const [first] = [await visit(gateway), await visit(gateway, { userId: "bo" })];
    const third = new Visitor(gateway.url);
    await soon(() => expect(third.isRefused).toBe(true));
    first?.socket.close();
    await soon(() => expect(gateway.connections()).toBe(1));
    expect((await visit(gateway)).saw("welcome")).toBe(true);
  });

  it("is refused, in development, to other sites' pages and under other names", async () => {
    const { port, connections } = await startGateway();
    const own = `127.0.0.1:${port}`;
    expect(await statusOf(port, { host: own, origin: "https://evil.example" })).toBe(403);
    expect(await statusOf(port, { host: "evil.example" })).toBe(403);
    expect(connections()).toBe(0);
    expect(await statusOf(port, { host: own, origin: `http://${own}` })).toBe(101);
  });

  it("is let in from the sites that the settings name", async () => {
    const { port } = await startGateway({ origins: ["https://shop.example"] });
    const host = `127.0.0.1:${port}`;
    expect(await statusOf(port, { host, origin: "https://shop.example" })).toBe(101);
    for (const origin of ["http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example", "null"])
      expect(await statusOf(port, { host, origin })).toBe(403);
  });

  it("is told to come back, each at its own time, when the gateway goes away", async () => {
    const gateway = await startGateway();
    const visitors = [await visit(gateway), await visit(gateway), await visit(gateway)];
    gateway.dismiss();
    expect(await Promise.all(visitors.map(closed))).toEqual([3000, 3000, 3000]);
    const pauses = visitors.map(({ frames }) => {
      const last = frames.at(-1);
      return last?.case === "goodbye" ? last.value.reconnectMs : 0;
    });
    expect(new Set(pauses).size).toBe(3);
    for (const pause of pauses) expect(pause).toBeGreaterThan(0);
  });
});

function statusOf(port: number, headers: Record<string, string>): Promise<number> {
  const upgrade = {
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
  };
  const lines = ["GET /ws HTTP/1.1", ...Object.entries({ ...headers, ...upgrade }).map(([name, value]) => `${name}: ${value}`)];
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(`${lines.join("\r\n")}\r\n\r\n`));
    socket.once("error", reject);
    socket.once("data", (answer) => {
      socket.destroy();
      resolve(Number(answer.toString().split(" ")[1]));
    });
  });
}
