import { describe, expect, it } from "vitest";
import { borrowedSession, strangePage } from "./origin.ts";
import { send, started, valid } from "./server.fixture.ts";

const head = (headers: Record<string, string>, method = "POST") => ({
  ...{ method, path: "/", query: "", address: "127.0.0.1", baseUrl: "https://carillon.example" },
  headers: new Headers({ host: "carillon.example", ...headers }),
});
const cookie = { cookie: "__Host-carillon=x" };
const own = { origin: "https://carillon.example" };

describe("a request with a cookie", () => {
  it.each([
    ["from our own page", { ...own, "sec-fetch-site": "same-origin" }],
    ["from our own page, over plain HTTP", { origin: "http://carillon.example" }],
    ["from our own page, by a browser that names no origin", { "sec-fetch-site": "same-origin" }],
    ["with a key beside it", { authorization: "Bearer x", origin: "https://evil.example" }],
  ])("is let in %s", (_which, headers) => {
    expect(borrowedSession(head({ ...cookie, ...headers }))).toBeUndefined();
  });

  it.each([
    ["of another site", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    ["of another port", { origin: "https://carillon.example:8443" }],
    ["of a sibling", { origin: "https://shop.carillon.example", "sec-fetch-site": "same-site" }],
    ["that says it is ours, and whose browser says it is not", { ...own, "sec-fetch-site": "cross-site" }],
    ["without an origin", { origin: "null" }],
    ["of a file", { origin: "file://carillon.example" }],
    ["of an extension", { origin: "chrome-extension://carillon.example" }],
    ["that nobody tells of", {}],
    ["that somebody opened by hand", { "sec-fetch-site": "none" }],
  ])("is refused from a page %s, unless it only reads", (_which, headers) => {
    expect(borrowedSession(head({ ...cookie, ...headers }))?.reason).toBe("FORBIDDEN_ORIGIN");
    expect(borrowedSession(head({ ...cookie, ...headers }, "GET"))).toBeUndefined();
    expect(borrowedSession(head(headers))).toBeUndefined();
  });

  it("is refused at the door in production, in the words of its protocol", async () => {
    const { url } = await started({ send: () => ({ notificationId: "n-1" }) }, { developmentHosts: false });
    const asked = (headers: Record<string, string>) =>
      fetch(url + send, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(valid) });
    const refused = await asked({ ...cookie, origin: "https://evil.example" });
    expect([refused.status, await refused.json()]).toMatchObject([403, { code: "permission_denied" }]);
    expect((await asked({ ...cookie, origin: url })).status).toBe(200);
  });
});

describe("a page that opens a WebSocket", () => {
  const at = (origin: string) => head({ host: "127.0.0.1:8083", origin }, "GET");

  it("is let in from the host that it calls, from the sites that are named, and in development from our own ports", () => {
    for (const origin of ["http://127.0.0.1:8083", "https://shop.example", "http://localhost:8080"])
      expect(strangePage(at(origin), { origins: ["https://shop.example"], ports: [8080] })).toBeUndefined();
    expect(strangePage(head({}, "GET"), { ports: [] })).toBeUndefined();
  });

  it.each(["https://evil.example", "http://localhost:8081", "https://localhost:8080", "http://localhost.evil.example:8080", "null", ""])(
    "is refused from %j",
    (origin) => {
      expect(strangePage(at(origin), { origins: ["https://shop.example"], ports: [8080] })?.reason).toBe("FORBIDDEN_ORIGIN");
    },
  );
});
