/** The browser's client, clients/browser/carillon-bell.js, with a real gateway. */
import { afterEach, expect, it } from "vitest";
import { soon, startGateway } from "./socket.fixture.ts";

interface Bell {
  close(): void;
}
interface Options {
  url?: string;
  token: () => Promise<string | { token: string; url: string }>;
  cursor?: string;
  onMessage: (message: { title: string }, cursor: string) => void;
  onReset?: () => void;
  onState?: (state: string) => void;
}
const { connectBell }: { connectBell: (options: Options) => Bell } = await import(
  new URL("../clients/browser/carillon-bell.js", import.meta.url).href
);

const bells: Bell[] = [];
afterEach(() => {
  for (const bell of bells.splice(0)) bell.close();
});

function ring(options: Pick<Options, "url" | "token" | "cursor">) {
  const titles: string[] = [];
  const states: string[] = [];
  const bell = connectBell({
    ...options,
    onMessage: ({ title }) => titles.push(title),
    onReset: () => titles.push("(reset)"),
    onState: (state) => states.push(state),
  });
  bells.push(bell);
  return { bell, titles, states, isLive: () => soon(() => expect(states.at(-1)).toBe("live")) };
}

it("the bell is live, comes back by itself, and has each message once", async () => {
  const gateway = await startGateway();
  await gateway.publish(["before"]);
  const { titles, states, isLive } = ring({ url: gateway.url, token: gateway.token });
  await isLive();
  await gateway.publish(["live"]);
  await soon(() => expect(titles).toEqual(["before", "live"]));
  gateway.dismiss();
  await soon(() => expect(states.at(-1)).toBe("waiting"));
  await gateway.publish(["missed", "missed too"]);
  await isLive();
  await gateway.publish(["live again"]);
  await soon(() => expect(titles).toEqual(["before", "live", "missed", "missed too", "live again"]));
  expect(states).toEqual(["connecting", "live", "waiting", "connecting", "live"]);
});

it("the bell opens the gateway where its token says", async () => {
  const gateway = await startGateway();
  const { titles, isLive } = ring({ token: async () => ({ token: await gateway.token(), url: gateway.url }) });
  await isLive();
  await gateway.publish(["live"]);
  await soon(() => expect(titles).toEqual(["live"]));
});

it("the bell answers heartbeats, so it is not taken for dead", async () => {
  const gateway = await startGateway();
  const { states, titles, isLive } = ring({ url: gateway.url, token: gateway.token });
  await isLive();
  for (let beat = 0; beat < 5; beat++) {
    await gateway.clock.advance(30_000);
    await gateway.publish([`after beat ${beat}`]);
    await soon(() => expect(titles).toHaveLength(beat + 1));
  }
  expect(states).toEqual(["connecting", "live"]);
});

it("the bell goes on with another token when its own has expired, and nobody notices", async () => {
  const gateway = await startGateway();
  let asked = 0;
  const { states, titles, isLive } = ring({
    url: gateway.url,
    token: () => {
      asked++;
      return gateway.token();
    },
  });
  await isLive();
  await gateway.publish(["first"]);
  await soon(() => expect(titles).toEqual(["first"]));
  for (let minute = 0; minute < 60; minute++) await gateway.clock.advance(60_000);
  await gateway.publish(["second"]);
  await soon(() => expect(titles).toEqual(["first", "second"]));
  expect([asked, states]).toEqual([2, ["connecting", "live"]]);
});

it("the bell begins anew when the gateway says so", async () => {
  const gateway = await startGateway();
  await gateway.publish(["one"]);
  const { titles } = ring({ url: gateway.url, token: gateway.token, cursor: "gone:7" });
  await soon(() => expect(titles).toEqual(["(reset)", "one"]));
});

it("the bell stays away when the gateway says so", async () => {
  const gateway = await startGateway();
  let asked = 0;
  const { states } = ring({
    url: gateway.url,
    token: async () => {
      asked++;
      return "nonsense";
    },
  });
  await soon(() => expect(states).toEqual(["connecting", "closed"]));
  expect(asked).toBe(1);
});

it("the bell tries again when it gets no token, until it is closed; then nothing is called back", async () => {
  const gateway = await startGateway();
  let asked = 0;
  const { bell, states } = ring({
    url: gateway.url,
    token: async () => {
      if (++asked === 1) throw new Error("no token today");
      bell.close();
      throw new Error("none tomorrow");
    },
  });
  await soon(() => expect(states).toEqual(["connecting", "waiting", "connecting", "closed"]));
  const live = ring({ url: gateway.url, token: gateway.token });
  await live.isLive();
  live.bell.close();
  await gateway.publish(["too late"]);
  await soon(() => expect(gateway.connections()).toBe(0));
  expect([live.titles, live.states]).toEqual([[], ["connecting", "live", "closed"]]);
  expect([asked, states.length]).toEqual([2, 4]);
});
