import { connect } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, createClient, type ServiceImpl } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport, compressionGzip as gzip } from "@connectrpc/connect-node";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type ErrorReason, errors, Problem } from "#domain/errors.ts";
import { IngestService, SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { ConfigProblem } from "#platform/config/config.ts";
import { healthRoutes } from "#platform/telemetry/health.ts";
import { metricsRoute } from "#platform/telemetry/metrics.ts";
import { principalOf } from "./interceptors.ts";
import type { Route } from "./route.ts";
import { type RunningServer, type ServerOptions, serve } from "./server.ts";

const running: RunningServer[] = [];
afterEach(() => {
  for (const server of running.splice(0)) server.close();
});

type Ingest = Partial<ServiceImpl<typeof IngestService>>;

async function started(ingest: Ingest = {}, more: Partial<ServerOptions> = {}) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const metrics = new Registry();
  const server = await serve({
    ports: [0],
    host: "127.0.0.1",
    rpc: [(router: ConnectRouter) => router.service(IngestService, ingest)],
    routes: [metricsRoute(metrics)],
    sockets: [],
    authenticate: () => ({ environment: "development", internal: false }),
    developmentHosts: true,
    ...{ logger, metrics, clock: systemClock },
    ...more,
  });
  running.push(server);
  return { server, lines, metrics, port: server.ports[0] as number, url: `http://127.0.0.1:${server.ports[0]}` };
}

const valid = { recipients: [{ userId: "ann" }], content: { title: "Hello" } };
const send = "/carillon.ingest.v1.IngestService/Send";

const clients = {
  "Connect in JSON": (baseUrl: string) =>
    createClient(IngestService, createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false })),
  "Connect in binary": (baseUrl: string) => createClient(IngestService, createConnectTransport({ baseUrl, httpVersion: "1.1" })),
  "gzipped Connect in binary": (baseUrl: string) =>
    createClient(IngestService, createConnectTransport({ baseUrl, httpVersion: "1.1", compressMinBytes: 0, sendCompression: gzip })),
  "gRPC-Web": (baseUrl: string) => createClient(IngestService, createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })),
};

const raw = (port: number, text: string) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });

const post = (url: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });

const failure = async (call: Promise<unknown>): Promise<ConnectError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
};

for (const [protocol, clientOf] of Object.entries(clients))
  describe(`a call over ${protocol}`, () => {
    it("reaches the implementation with its principal, and brings back headers and trailers", async () => {
      const { url } = await started({
        send(request, context) {
          context.responseHeader.set("x-one", "1");
          context.responseTrailer.set("x-two", "2");
          return { notificationId: `${request.recipients[0]?.userId}@${principalOf(context).environment}` };
        },
      });
      const met = new Map<string, string | null>();
      const answer = await clientOf(url).send(valid, {
        onHeader: (headers) => met.set("x-one", headers.get("x-one")),
        onTrailer: (trailers) => met.set("x-two", trailers.get("x-two")),
      });
      expect(answer.notificationId).toBe("ann@development");
      expect(Object.fromEntries(met)).toEqual({ "x-one": "1", "x-two": "2" });
    });

    it("says which field broke which rule", async () => {
      const { url } = await started({ send: () => ({}) });
      const error = await failure(clientOf(url).send({ recipients: [{ email: "not an address" }], content: { title: "a\nb" } }));
      expect(error.code).toBe(Code.InvalidArgument);
      expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: "INVALID_REQUEST", domain: "carillon" });
      const fields = error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field, description }) => [field, description]);
      expect(fields).toEqual([
        ["recipients[0].email", "must be one email address like ann@example.com"],
        ["content.title", "must be one line, without CR, LF or NUL"],
      ]);
    });

    it.each(Object.keys(errors) as ErrorReason[])("carries a Problem of reason %s with its code and details", async (reason) => {
      const { url } = await started({
        send() {
          throw new Problem(reason, { retryAfterMs: 1_500, violations: [{ field: "actor", description: "is wrong" }] });
        },
      });
      const error = await failure(clientOf(url).send(valid));
      expect(Code[error.code]?.toLowerCase()).toBe(errors[reason].code.toLowerCase().replaceAll("_", ""));
      expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe(reason);
      if (reason === "INTERNAL") return;
      expect(error.rawMessage).toBe(errors[reason].says);
      expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
      expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]).toMatchObject({ field: "actor", description: "is wrong" });
    });

    it("shows nothing of an unknown error but a request id that finds it in the log", async () => {
      const { url, lines } = await started({
        send() {
          throw new Error("password=hunter2");
        },
      });
      const error = await failure(clientOf(url).send(valid));
      expect(error.code).toBe(Code.Internal);
      expect(error.message).not.toContain("hunter2");
      const requestId = /Request id: (\S+)/.exec(error.rawMessage)?.[1];
      const line = lines.find((each) => each.msg === "internal error") as { requestId: string; err: { stack: string } };
      expect(line.requestId).toBe(requestId);
      expect(line.err.stack).toContain("hunter2");
    });

    it("is answered at its deadline even when the handler does not listen", async () => {
      const { url } = await started({ send: () => new Promise(() => {}) });
      const error = await failure(clientOf(url).send(valid, { timeoutMs: 60 }));
      expect(error.code).toBe(Code.DeadlineExceeded);
    });

    it("gets a clear refusal for a body over the limit", async () => {
      const { url } = await started({ send: () => ({}) });
      const error = await failure(clientOf(url).send({ ...valid, content: { body: Buffer.alloc(5 * 1_024 * 1_024, "x").toString() } }));
      expect(error.code).toBe(Code.ResourceExhausted);
    });

    it("is refused while the process drains", async () => {
      const { url, server } = await started({ send: () => ({}) });
      await server.drain(1_000);
      const error = await failure(clientOf(url).send(valid));
      expect(error.code).toBe(Code.Unavailable);
    });

    it("of a method that nobody implements says so", async () => {
      const { url } = await started({});
      expect((await failure(clientOf(url).send(valid))).code).toBe(Code.Unimplemented);
    });
  });

describe("a JSON call", () => {
  const violationsOf = async (body: unknown) => {
    const { url } = await started({ send: () => ({}) });
    const response = await post(url + send, typeof body === "string" ? body : JSON.stringify(body));
    expect(response.status).toBe(400);
    const error = (await response.json()) as {
      code: string;
      message: string;
      details: { debug: { reason?: string; fieldViolations?: unknown } }[];
    };
    expect(error.code).toBe("invalid_argument");
    return { reason: error.details[0]?.debug.reason, violations: error.details[1]?.debug.fieldViolations, message: error.message };
  };

  it("hears the right name of a misspelt field", async () => {
    expect(await violationsOf({ recipeints: [], content: { titel: "x" }, whatever: 1 })).toMatchObject({
      reason: "INVALID_REQUEST",
      violations: [
        { field: "recipeints", description: 'unknown field "recipeints"; did you mean "recipients"?' },
        { field: "content.titel", description: 'unknown field "titel"; did you mean "title"?' },
        { field: "whatever", description: 'unknown field "whatever"' },
      ],
    });
  });

  it("hears which value has the wrong type, and every one of them", async () => {
    const body = {
      recipients: [{ user_id: 1 }, null],
      channels: ["CHANNEL_EMIAL"],
      metadata: [],
      expires_at: "soon",
      content: "text",
      actor: {},
    };
    expect(await violationsOf(body)).toMatchObject({
      violations: [
        { field: "recipients[0].user_id", description: "must be a string" },
        { field: "recipients[1]", description: "must not be null" },
        { field: "channels[0]", description: 'must be one of CHANNEL_EMAIL, CHANNEL_WEB; did you mean "CHANNEL_EMAIL"?' },
        { field: "metadata", description: "must be an object" },
        { field: "expires_at", description: "must be a time like 2030-01-31T12:00:00Z" },
        { field: "content", description: "must be an object" },
        { field: "actor", description: "must be a string" },
      ],
    });
  });

  it("hears where malformed JSON breaks, without its text", async () => {
    const { reason, message } = await violationsOf('{"actor":\n "ann", oops}');
    expect(reason).toBe("MALFORMED_JSON");
    expect(message).toBe("The body is not valid JSON (line 2, column 9).");
  });

  it("hears of one key given twice", async () => {
    expect(await violationsOf('{"eventType":"a","event_type":"b"}')).toMatchObject({
      violations: [{ field: "event_type", description: "is given twice" }],
    });
    expect((await violationsOf('{"actor":"a","actor":"b"}')).reason).toBe("INVALID_REQUEST");
  });

  it("of a list, a number or nothing is no message", async () => {
    for (const body of ["[]", "1", "null"])
      expect(await violationsOf(body)).toMatchObject({ violations: [{ field: "(body)", description: "must be an object" }] });
    expect((await violationsOf("")).reason).toBe("MALFORMED_JSON");
  });

  it("may be gzipped; what only claims to be is refused", async () => {
    const { url } = await started({ send: () => ({ notificationId: "1" }) });
    const packed = Buffer.from(await gzip.compress(Buffer.from(JSON.stringify(valid))));
    expect((await post(url + send, packed, { "content-encoding": "gzip" })).status).toBe(200);
    expect((await post(url + send, "plain", { "content-encoding": "gzip" })).status).toBe(400);
    expect((await post(url + send, "plain", { "content-encoding": "br" })).status).toBe(400);
    const bomb = Buffer.from(await gzip.compress(Buffer.alloc(8 * 1_024 * 1_024)));
    const response = await post(url + send, bomb, { "content-encoding": "gzip" });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([429, "resource_exhausted"]);
  });
});

describe("a call", () => {
  it("with a deadline over a minute, or an unreadable one, is refused", async () => {
    const { url } = await started({ send: () => ({}) });
    for (const timeout of ["60001", "soon"])
      expect((await post(url + send, JSON.stringify(valid), { "connect-timeout-ms": timeout })).status).toBe(400);
  });

  it("without a deadline gets ten seconds", async () => {
    let left = 0;
    const { url } = await started({
      send(_, context) {
        left = context.timeoutMs() ?? 0;
        return {};
      },
    });
    await clients["Connect in binary"](url).send(valid);
    expect(left).toBeGreaterThan(9_000);
    left = 0;
    await clients["gRPC-Web"](url).send(valid);
    expect(left).toBeGreaterThan(9_000);
  });

  it("of a media type that no protocol has is told which there are", async () => {
    const { url } = await started({ send: () => ({}) });
    const response = await post(url + send, "x", { "content-type": "text/plain" });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ error: { reason: "UNSUPPORTED_MEDIA_TYPE" } });
    const get = await fetch(url + send);
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
  });

  it("aborts its handler when the caller hangs up", async () => {
    let seen: AbortSignal | undefined;
    const { port, lines } = await started({
      send(_, { signal }) {
        seen = signal;
        return new Promise(() => {});
      },
    });
    const body = JSON.stringify(valid);
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(
        `POST ${send} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      ),
    );
    await vi.waitFor(() => expect(seen).toBeDefined());
    socket.destroy();
    await vi.waitFor(() => expect(seen?.aborted).toBe(true));
    await vi.waitFor(() => expect(lines.find((line) => line.procedure === send)?.code).toBe("canceled"));
    expect(lines.some((line) => line.msg === "internal error")).toBe(false);
  });

  it("whose caller hangs up in the middle of the body ends quietly", async () => {
    const { port, url, lines } = await started({ send: () => ({ notificationId: "1" }) });
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(`POST ${send} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`, () =>
        socket.destroy(),
      ),
    );
    await vi.waitFor(() => expect(lines.find((line) => line.procedure === send)?.code).toBe("canceled"));
    expect((await post(url + send, JSON.stringify(valid))).status).toBe(200);
  });

  it("is logged and measured by its procedure, with the caller's request id when that is a token", async () => {
    const { url, lines, metrics } = await started({ send: () => ({}) });
    const response = await post(url + send, JSON.stringify(valid), { "x-request-id": "abc-123" });
    expect(response.headers.get("x-request-id")).toBe("abc-123");
    expect(lines).toContainEqual(expect.objectContaining({ msg: "request", procedure: send, code: "ok", requestId: "abc-123" }));
    const other = await post(url + send, "{", { "x-request-id": "no token at all" });
    expect(other.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(await metrics.metrics()).toContain(`carillon_rpc_seconds_count{door="http",procedure="${send}",code="invalid_argument"} 1`);
  });

  it("survives concurrency and pieces of bodies in any size", async () => {
    const { url } = await started({ send: (request) => ({ notificationId: request.content?.body ?? "" }) });
    const client = clients["Connect in binary"](url);
    const bodies = Array.from({ length: 50 }, (_, at) => `${at}-`.repeat(at * 500 + 1));
    const answers = await Promise.all(bodies.map((body) => client.send(create(SendRequestSchema, { ...valid, content: { body } }))));
    expect(answers.map((answer) => answer.notificationId)).toEqual(bodies);
  });
});

describe("a route", () => {
  const echo: Route = {
    method: "POST",
    path: "/echo",
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
    handle: ({ params, query }) => ({ status: 200, headers: { "content-type": "text/plain" }, body: `${params.id}?${query.get("q")}` }),
  };
  const failing = (error: unknown): Route => ({
    method: "GET",
    path: "/fail",
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
    expect(error).toMatchObject({ message: errors[reason].says, violations: [{ field: "recipient", description: "is missing" }] });
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
        routes: [...healthRoutes(() => ({ ok: false, why: ["draining"] })), { method: "GET", path: "/x", handle: () => ({ status: 200 }) }],
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
      return { environment: "staging", internal: false };
    };
    const route: Route = { method: "GET", path: "/who", handle: ({ environment }) => ({ status: 200, body: environment }) };
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
