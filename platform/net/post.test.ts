import { expect, it, vi } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { openHook } from "../../test/fakes/hook.ts";
import { type Post, post, Unreachable } from "./post.ts";

const open = new AbortController().signal;
const send = (url: string, more: Partial<Post> = {}) =>
  post({ url, body: { is: "here" }, reach: "loopback", timeoutMs: 60_000, signal: open, clock: systemClock, ...more });

it("posts JSON and answers the status, whatever it is, and follows nobody elsewhere", async () => {
  const hook = await openHook();
  for (const status of [200, 302, 500]) {
    hook.status = status;
    expect(await send(hook.url)).toBe(status);
  }
  expect(hook.bodies).toEqual([{ is: "here" }, { is: "here" }, { is: "here" }]);
});

it("reaches no address that is not allowed, by number or by name", async () => {
  const hook = await openHook();
  const named = hook.url.replace("127.0.0.1", "localhost");
  await expect(send(hook.url, { reach: "public" })).rejects.toThrow(Unreachable);
  await expect(send(named, { reach: "public" })).rejects.toThrow(Unreachable);
  await expect(send("http://169.254.169.254/latest/meta-data")).rejects.toThrow(Unreachable);
  await expect(send("http://[::ffff:10.0.0.1]/")).rejects.toThrow(Unreachable);
  await expect(send("http://2130706433/", { reach: "public" })).rejects.toThrow(Unreachable);
  expect(hook.bodies).toEqual([]);
  expect(await send(named)).toBe(200);
});

it("speaks plain http to nobody in public", async () => {
  await expect(send("http://1.1.1.1/", { reach: "private" })).rejects.toThrow(Unreachable);
});

it("gives up one that does not answer in time, or when it is told to", async () => {
  const hook = await openHook();
  hook.status = "hang";
  const clock = fakeClock();
  const late = send(hook.url, { clock, timeoutMs: 5_000 }).catch((error) => error);
  await vi.waitFor(() => expect(hook.bodies).toHaveLength(1));
  await clock.advance(5_000);
  expect(await late).toEqual(new Error("it did not answer in time"));
  const stop = new AbortController();
  const called = send(hook.url, { signal: stop.signal }).catch((error) => error);
  await vi.waitFor(() => expect(hook.bodies).toHaveLength(2));
  stop.abort("closing");
  expect(await called).toEqual(new Error("it did not answer in time"));
});

it("says why without the address, which may be a secret", async () => {
  const failed = await send("http://127.0.0.1:1/token-of-somebody").catch((error) => error);
  expect(failed).toEqual(new Error("ECONNREFUSED"));
});
