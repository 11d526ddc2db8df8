import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { Problem } from "#domain/errors.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Authenticate } from "./call.ts";
import type { Route } from "./route.ts";
import { clientOf, failure, type Protocol, post, send, started, transports, valid } from "./server.fixture.ts";

const authorization = (scope: Scope) => ({ authorization: `Bearer ${scope}` });

/** The credential is the number of a scope. */
const authenticate: Authenticate = (headers) => {
  const scope = Number(headers.get("authorization")?.slice(7));
  if (!scope) throw new Problem("UNAUTHENTICATED");
  return { environment: "staging", internal: false, scopes: [scope as Scope] };
};
const page = (path: string, scope: Route["scope"]): Route => ({
  ...{ method: "GET", path, scope },
  handle: ({ environment }) => ({ status: 200, body: `in ${environment || "none"}` }),
});

describe.each(Object.keys(transports) as Protocol[])("a call over %s", (protocol) => {
  it("is let in by a scope that its contract declares, or by an admin's, and by no other", async () => {
    const client = clientOf(protocol, await started({ send: () => ({ notificationId: "n-1" }) }, { authenticate }));
    for (const scope of [Scope.SEND, Scope.ADMIN])
      expect((await client.send(valid, { headers: authorization(scope) })).notificationId).toBe("n-1");
    const denied = await failure(client.send(valid, { headers: authorization(Scope.READ) }));
    expect([denied.code, denied.rawMessage]).toEqual([Code.PermissionDenied, expect.stringContaining("the scope send")]);
    expect((await failure(client.send(valid))).code).toBe(Code.Unauthenticated);
  });
});

describe("a call", () => {
  it("of somebody unknown is not looked at: a body that makes no sense makes no difference", async () => {
    const { url } = await started({}, { authenticate });
    const refused = await post(url + send, "{");
    expect([refused.status, await refused.text()]).toEqual([401, expect.stringContaining("UNAUTHENTICATED")]);
    expect(refused.headers.get("www-authenticate")).toBe("Bearer");
    expect((await post(url + send, "{", authorization(Scope.READ))).status).toBe(403);
    expect((await post(url + send, "{", authorization(Scope.SEND))).status).toBe(400);
  });

  it("asks once who calls, with the address that it comes from", async () => {
    const addresses: string[] = [];
    const asked: Authenticate = (headers, address) => {
      addresses.push(address);
      return authenticate(headers, address);
    };
    const { url } = await started({ send: () => ({}) }, { authenticate: asked, trustProxy: true });
    await post(url + send, JSON.stringify(valid), { ...authorization(Scope.SEND), "x-forwarded-for": "203.0.113.9" });
    await post(url + send, JSON.stringify(valid), authorization(Scope.SEND));
    expect(addresses).toEqual(["203.0.113.9", "127.0.0.1"]);
  });
});

describe("a route", () => {
  it("is let in as it declares, in the environment of the key", async () => {
    const { url } = await started({}, { authenticate, routes: [page("/read", Scope.READ), page("/open", "none")] });
    const got = async (path: string, scope?: Scope) => {
      const response = await fetch(url + path, { headers: scope ? authorization(scope) : {} });
      return [response.status, await response.text()];
    };
    expect(await got("/read", Scope.READ)).toEqual([200, "in staging"]);
    expect(await got("/read", Scope.ADMIN)).toEqual([200, "in staging"]);
    expect(await got("/read", Scope.SEND)).toEqual([403, expect.stringContaining("PERMISSION_DENIED")]);
    expect(await got("/read")).toEqual([401, expect.stringContaining("UNAUTHENTICATED")]);
    expect(await got("/open")).toEqual([200, "in none"]);
  });
});
