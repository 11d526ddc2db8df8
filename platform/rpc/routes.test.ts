import { compressionGzip as gzip } from "@connectrpc/connect-node";
import { describe, expect, it } from "vitest";
import { type ErrorReason, errors, Problem } from "#domain/errors.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Route } from "./route.ts";
import { post, raw, send, started, valid } from "./server.fixture.ts";

describe("a route", () => {
  const echo: Route = {
    method: "POST",
    path: "/echo",
    scope: Scope.READ,
    json: true,
    handle: ({ body, environment }) => ({
      status: 202,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ bytes: body.length, environment }),
    }),
  };
  const page: Route = {
    method: "GET",
    path: "/n/:id",
    scope: Scope.READ,
    handle: ({ params, query }) => ({ status: 200, headers: { "content-type": "text/plain" }, body: `${params.id}?${query.get("q")}` }),
  };
  const failing = (error: unknown): Route => ({
    method: "GET",
    path: "/fail",
    scope: Scope.READ,
    handle() {
      throw error;
    },
  });

  it("takes JSON and answers with the environment of the caller", async () => {
    const { url } = await started({}, { routes: [echo] });
    const response = await post(`${url}/echo`, "{}", { "content-type": "application/json; charset=utf-8" });
    expect([response.status, await response.json()]).toEqual([202, { bytes: 2, environment: "development" }]);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  it("names parameters, decodes them, and answers HEAD as GET without the body", async () => {
    const { url, lines } = await started({}, { routes: [page] });
    expect(await (await fetch(`${url}/n/a%20b?q=1`)).text()).toBe("a b?1");
    const head = await fetch(`${url}/n/ab`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "7", ""]);
    expect((await fetch(`${url}/n/%zz`)).status).toBe(404);
    expect((await fetch(`${url}/n/`)).status).toBe(404);
    expect(lines).toContainEqual(expect.objectContaining({ method: "GET", route: "/n/:id", status: 200 }));
    expect(JSON.stringify(lines)).not.toContain("a%20b");
  });

  it("that takes JSON refuses any other type, gzip is undone, and another packing refused", async () => {
    const { url } = await started({}, { routes: [echo] });
    const text = await fetch(`${url}/echo`, { method: "POST", body: "x" });
    expect([text.status, ((await text.json()) as { error: { reason: string } }).error.reason]).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"]);
    expect((await post(`${url}/echo`, "{}", { "content-type": "application/json; charset=iso-8859-1" })).status).toBe(415);
    const packed = Buffer.from(await gzip.compress(Buffer.alloc(100, "x")));
    expect(await (await post(`${url}/echo`, packed, { "content-encoding": "gzip" })).json()).toMatchObject({ bytes: 100 });
    expect((await post(`${url}/echo`, packed, { "content-encoding": "br" })).status).toBe(415);
  });

  it("tells of a body over one MiB instead of cutting the connection", async () => {
    const { url } = await started({}, { routes: [echo] });
    for (const size of [1_024 * 1_024 + 1, 2 * 1_024 * 1_024]) {
      const response = await post(`${url}/echo`, Buffer.alloc(size, "x"));
      expect([response.status, ((await response.json()) as { error: { reason: string } }).error.reason]).toEqual([413, "BODY_TOO_LARGE"]);
    }
    expect((await post(`${url}/echo`, Buffer.alloc(1_024 * 1_024, "x"))).status).toBe(202);
  });

  it("that is not there is 404, and one of another method 405 with those it has", async () => {
    const { url } = await started({}, { routes: [echo, page] });
    const missing = await fetch(`${url}/nowhere`);
    expect([missing.status, await missing.json()]).toEqual([
      404,
      { error: { code: "NOT_FOUND", reason: "NOT_FOUND", message: "There is nothing at this path.", violations: [] } },
    ]);
    const wrong = await fetch(`${url}/echo`, { method: "PUT", body: "a body that nobody reads" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST"]);
    expect((await fetch(`${url}/n/1`, { method: "DELETE" })).headers.get("allow")).toBe("GET, HEAD");
  });

  it.each(Object.keys(errors) as ErrorReason[])("turns a Problem of reason %s into its status and JSON", async (reason) => {
    const problem = new Problem(reason, { retryAfterMs: 1_500, violations: [{ field: "recipient", description: "is missing" }] });
    const { url } = await started({}, { routes: [failing(problem)] });
    const response = await fetch(`${url}/fail`);
    expect(response.status).toBe(errors[reason].http);
    const { error } = (await response.json()) as { error: { code: string; reason: string; message: string; violations: unknown } };
    expect([error.code, error.reason]).toEqual([errors[reason].code, reason]);
    if (reason === "INTERNAL") return;
    expect(error).toMatchObject({ message: "recipient: is missing", violations: [{ field: "recipient", description: "is missing" }] });
    expect(response.headers.get("retry-after")).toBe("2");
  });

  it("masks what it does not know", async () => {
    const { url, lines } = await started({}, { routes: [failing(new TypeError("secret thing"))] });
    const response = await fetch(`${url}/fail`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret thing");
    expect(JSON.stringify(lines.find((line) => line.msg === "internal error"))).toContain("secret thing");
  });

  it("declared twice stops the start", async () => {
    await expect(started({}, { routes: [page, page] })).rejects.toThrow("GET /n/:id is declared twice");
  });
});

describe("in development mode", () => {
  const hostOf = (port: number, host: string, more = "") =>
    raw(port, `GET /metrics HTTP/1.1\r\nhost: ${host}\r\n${more}connection: close\r\n\r\n`);
  const withOrigin = (url: string, origin: string) => post(url + send, JSON.stringify(valid), { origin });

  it("another host than localhost or 127.0.0.1 is refused on every path", async () => {
    const { port } = await started();
    for (const host of ["localhost", "127.0.0.1:9999", "LOCALHOST:80"]) expect(await hostOf(port, host)).toMatch(/^HTTP\/1\.1 200 /);
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:8080", "0.0.0.0", "localhost:8080@evil.example"]) {
      const answer = await hostOf(port, host);
      expect(answer).toMatch(/^HTTP\/1\.1 403 /);
      expect(answer).toContain("FORBIDDEN_HOST");
    }
    expect(await raw(port, `POST ${send} HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 403 /,
    );
  });

  it("a page of another site may not post, and one of our own may", async () => {
    const { url, port } = await started({ send: () => ({}) });
    for (const own of [`http://localhost:${port}`, `http://127.0.0.1:${port}`]) expect((await withOrigin(url, own)).status).toBe(200);
    for (const other of [
      "https://evil.example",
      "null",
      "http://localhost:1",
      `https://localhost:${port}`,
      `http://localhost.evil.example:${port}`,
    ]) {
      const response = await withOrigin(url, other);
      expect(response.status).toBe(403);
      expect(await response.text()).toContain("Pages of other origins");
    }
    const read = await fetch(`${url}/metrics`, { headers: { origin: "https://evil.example" } });
    expect([read.status, read.headers.get("access-control-allow-origin")]).toEqual([200, null]);
  });

  it("and only in it: a production host is whatever it is called", async () => {
    const { port } = await started({}, { developmentHosts: false });
    expect(await hostOf(port, "carillon.example")).toMatch(/^HTTP\/1\.1 200 /);
  });
});
