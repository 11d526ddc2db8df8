import { describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { ConfigProblem } from "#platform/config/config.ts";
import { healthRoutes } from "#platform/telemetry/health.ts";
import { principalOf } from "./interceptors.ts";
import type { Route } from "./route.ts";
import { post, send, started, valid } from "./server.fixture.ts";

describe("the server", () => {
  it("answers the same on all of its ports", async () => {
    const { server } = await started({}, { ports: [0, 0] });
    expect(new Set(server.ports).size).toBe(2);
    for (const port of server.ports) expect((await fetch(`http://localhost:${port}/metrics`)).status).toBe(200);
  });

  it("says in one sentence that a port is taken", async () => {
    const { port } = await started();
    const second = started({}, { ports: [0, port] });
    await expect(second).rejects.toThrow(ConfigProblem);
    await expect(second).rejects.toThrow(`Port ${port} of 127.0.0.1 is taken: stop what uses it, or set CARILLON_HTTP_PORT`);
  });

  it("drains: what runs finishes, what is new is sent away, probes are still answered", async () => {
    let finish = () => {};
    const { url, server } = await started(
      { send: () => new Promise((resolve) => (finish = () => resolve({ notificationId: "1" }))) },
      {
        routes: [
          ...healthRoutes(
            () => ({ ok: false, why: ["draining"] }),
            () => true,
          ),
          { method: "GET", path: "/x", scope: Scope.READ, handle: () => ({ status: 200 }) },
        ],
      },
    );
    const slow = post(url + send, JSON.stringify(valid));
    await vi.waitFor(() => expect(String(finish)).toContain("notificationId"));
    let drained = false;
    const draining = server.drain(5_000).then(() => {
      drained = true;
    });
    const turned = await fetch(`${url}/x`);
    expect([turned.status, turned.headers.get("connection"), turned.headers.get("retry-after")]).toEqual([503, "close", "1"]);
    expect(await turned.json()).toMatchObject({ error: { reason: "DRAINING" } });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { ok: false, why: ["draining"] }]);
    expect(drained).toBe(false);
    finish();
    const answer = await slow;
    expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
    await draining;
  });

  it("does not wait longer than it was told", async () => {
    let called = false;
    const { url, server } = await started({
      send() {
        called = true;
        return new Promise(() => {});
      },
    });
    const stuck = post(url + send, JSON.stringify(valid)).catch(() => {});
    await vi.waitFor(() => expect(called).toBe(true));
    await server.drain(30);
    server.close();
    await stuck;
  });

  it("refuses a credential that does not hold, over RPC and REST alike", async () => {
    const authenticate = (headers: Headers) => {
      if (headers.get("authorization") !== "Bearer right") throw new Problem("UNAUTHENTICATED");
      return { environment: "staging", internal: false, scopes: [Scope.ADMIN] };
    };
    const route: Route = {
      method: "GET",
      path: "/who",
      scope: Scope.READ,
      handle: ({ environment }) => ({ status: 200, body: environment }),
    };
    const { url } = await started(
      { send: (_, context) => ({ notificationId: principalOf(context).environment }) },
      { authenticate, routes: [route] },
    );
    expect((await fetch(`${url}/who`)).status).toBe(401);
    expect((await post(url + send, JSON.stringify(valid))).status).toBe(401);
    const headers = { authorization: "Bearer right" };
    expect(await (await fetch(`${url}/who`, { headers })).text()).toBe("staging");
    expect(await (await post(url + send, JSON.stringify(valid), headers)).json()).toEqual({ notificationId: "staging" });
  });
});
