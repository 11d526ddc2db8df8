import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { fakeClock } from "../../test/fakes/clock.ts";
import type { Principal } from "./call.ts";
import { amongPeers, derived, peerCredentials } from "./peers.ts";

const SECRET = "a secret that is long enough for it";
const stranger: Principal = { environment: "somebody's", internal: false, scopes: [] };

describe("processes of one mesh", () => {
  const clock = fakeClock();
  const doorOf = (secret: string) => {
    const door = amongPeers([secret], clock, () => stranger);
    return async (authorization: string) => door(new Headers({ authorization }), "127.0.0.1");
  };
  const door = doorOf(SECRET);
  const credentialOf = peerCredentials(SECRET, clock);

  it("know each other, in the environment that the caller acts for", async () => {
    expect(await door(await credentialOf("staging"))).toEqual({ environment: "staging", internal: true, scopes: [] });
    expect(await door(await credentialOf("production"))).toMatchObject({ environment: "production" });
  });

  it("ask somebody else about everybody else", async () => {
    expect(await door("Bearer ck_live_1.x")).toBe(stranger);
    expect(await amongPeers([SECRET], clock, () => stranger)(new Headers(), "127.0.0.1")).toBe(stranger);
  });

  it("refuse what another secret has signed, what was signed for another purpose, and what is over", async () => {
    const foreign = await peerCredentials("another secret that is long enough", clock)("staging");
    await expect(door(foreign)).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
    const gateway = await new SignJWT({ env: "staging" })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1h")
      .sign(derived(SECRET, "gateway-token"));
    await expect(door(`Carillon ${gateway}`)).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
    await expect(door("Carillon nonsense")).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
    const old = await credentialOf("staging");
    await clock.advance(91_000);
    await expect(door(old)).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  });

  it("believe a second secret while the first is changed", async () => {
    const both = amongPeers(["the secret that is to come, long enough", SECRET], clock, () => stranger);
    const authorization = await credentialOf("staging");
    expect(await both(new Headers({ authorization }), "127.0.0.1")).toMatchObject({ environment: "staging", internal: true });
  });

  it("sign again in time, also when the clock was set back", async () => {
    for (const stepMs of [29_000, 29_000, 29_000, -3_600_000, 3_600_000]) {
      if (stepMs < 0) clock.set(stepMs);
      else await clock.advance(stepMs);
      expect(await door(await credentialOf("staging"))).toMatchObject({ environment: "staging" });
    }
  });
});
