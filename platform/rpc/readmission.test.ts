import { Code, type ConnectRouter, createClient } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import type { Authenticate } from "./call.ts";
import { started, transports } from "./server.fixture.ts";

const request = { notificationId: "01a1fd71-8461-72ae-95cc-ac4d6a7a9642" };

/** A service whose streams go on until their handler is told to stop. */
async function watched() {
  const clock = fakeClock();
  const keys = new Map<string, "good" | "revoked" | "nobody knows">();
  const asked: string[] = [];
  const authenticate: Authenticate = (headers) => {
    const key = headers.get("authorization") ?? "";
    asked.push(key);
    if (keys.get(key) === "nobody knows") throw new Problem("STORE_UNAVAILABLE");
    if (keys.get(key) !== "good") throw new Problem("UNAUTHENTICATED");
    return { environment: "staging", internal: key === "peer", scopes: [Scope.READ] };
  };
  let open = 0;
  const service = {
    async *watchNotification(_: unknown, { signal }: { signal: AbortSignal }) {
      open++;
      try {
        yield {};
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      } finally {
        open--;
      }
    },
  };
  const rpc = [(router: ConnectRouter) => router.service(TrackerService, service)];
  const doors = await started({}, { rpc, authenticate, clock });
  return { clock, keys, asked, doors, open: () => open };
}

async function watch(key: string, transport: ReturnType<(typeof transports)["gRPC"]>) {
  const leaving = new AbortController();
  const options = { headers: { authorization: key }, signal: leaving.signal };
  const messages = createClient(TrackerService, transport).watchNotification(request, options)[Symbol.asyncIterator]();
  await messages.next();
  return { end: messages.next().catch((error: unknown) => error), leave: () => leaving.abort() };
}

describe.each(["Connect in binary", "gRPC-Web", "gRPC"] as const)("a stream over %s", (protocol) => {
  it("ends within a second once its key is revoked, and its handler is told; another's goes on", async () => {
    const { clock, keys, doors, open } = await watched();
    for (const key of ["a", "b"]) keys.set(key, "good");
    const [one, other] = [await watch("a", transports[protocol](doors)), await watch("b", transports[protocol](doors))];
    await clock.advance(5_000);
    keys.set("a", "revoked");
    await clock.advance(1_000);
    expect(await one.end).toMatchObject({ code: Code.Unauthenticated });
    await vi.waitFor(() => expect(open()).toBe(1));
    other.leave();
  });
});

describe("streams that were let in", () => {
  it("with one credential are asked about together, and no more when the last has gone", async () => {
    const { clock, keys, asked, doors, open } = await watched();
    keys.set("a", "good");
    const streams = await Promise.all([1, 2, 3].map(() => watch("a", transports.gRPC(doors))));
    expect(asked.splice(0)).toEqual(["a", "a", "a"]);
    await clock.advance(1_000);
    expect(asked.splice(0)).toEqual(["a", "a"]);
    for (const { leave } of streams) leave();
    await vi.waitFor(() => expect(open()).toBe(0));
    await vi.waitFor(async () => {
      await clock.advance(500);
      expect(asked.splice(0)).toEqual([]);
    });
  });

  it("go on while nobody can tell whether the credential holds", async () => {
    const { clock, keys, doors } = await watched();
    keys.set("a", "good");
    const { end } = await watch("a", transports.gRPC(doors));
    keys.set("a", "nobody knows");
    await clock.advance(5_000);
    keys.set("a", "revoked");
    await clock.advance(1_000);
    expect(await end).toMatchObject({ code: Code.Unauthenticated });
  });

  it("by another process of the mesh are its own affair, for its credential is a minute's", async () => {
    const { clock, keys, asked, doors } = await watched();
    keys.set("peer", "good");
    const { leave } = await watch("peer", transports["Connect in binary"](doors));
    await clock.advance(5_000);
    expect(asked).toEqual(["peer"]);
    leave();
  });
});
