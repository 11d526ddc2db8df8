import { connect } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { compressionGzip as gzip } from "@connectrpc/connect-node";
import { describe, expect, it, vi } from "vitest";
import { type ErrorReason, errors, Problem } from "#domain/errors.ts";
import { SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { principalOf } from "./interceptors.ts";
import { clientOf, failure, type Protocol, post, send, started, transports, valid } from "./server.fixture.ts";
import { validateMessage } from "./validation.ts";

for (const protocol of Object.keys(transports) as Protocol[])
  describe(`a call over ${protocol}`, () => {
    it("reaches the implementation with its principal, and brings back headers and trailers", async () => {
      const at = await started({
        send(request, context) {
          context.responseHeader.set("x-one", "1");
          context.responseTrailer.set("x-two", "2");
          return { notificationId: `${request.recipients[0]?.userId}@${principalOf(context).environment}` };
        },
      });
      const met = new Map<string, string | null>();
      const answer = await clientOf(protocol, at).send(valid, {
        onHeader: (headers) => met.set("x-one", headers.get("x-one")),
        onTrailer: (trailers) => met.set("x-two", trailers.get("x-two")),
      });
      expect(answer.notificationId).toBe("ann@development");
      expect(Object.fromEntries(met)).toEqual({ "x-one": "1", "x-two": "2" });
    });

    it("says which field broke which rule", async () => {
      const at = await started({ send: () => ({}) });
      const error = await failure(clientOf(protocol, at).send({ recipients: [{ email: "not an address" }], content: { title: "a\nb" } }));
      expect(error.code).toBe(Code.InvalidArgument);
      expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: "INVALID_REQUEST", domain: "carillon" });
      const fields = error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field, description }) => [field, description]);
      expect(fields).toEqual([
        ["recipients[0].email", "must be one email address like ann@example.com"],
        ["content.title", "must be one line, without CR, LF or NUL"],
      ]);
    });

    it.each(Object.keys(errors) as ErrorReason[])("carries a Problem of reason %s with its code and details", async (reason) => {
      const at = await started({
        send() {
          throw new Problem(reason, { retryAfterMs: 1_500, violations: [{ field: "actor", description: "is wrong" }] });
        },
      });
      const error = await failure(clientOf(protocol, at).send(valid));
      expect(Code[error.code]?.toLowerCase()).toBe(errors[reason].code.toLowerCase().replaceAll("_", ""));
      expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe(reason);
      if (reason === "INTERNAL") return;
      expect(error.rawMessage).toBe("actor: is wrong");
      expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
      expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]).toMatchObject({ field: "actor", description: "is wrong" });
    });

    it("shows nothing of an unknown error but a request id that finds it in the log", async () => {
      const at = await started({
        send() {
          throw new Error("password=hunter2");
        },
      });
      const error = await failure(clientOf(protocol, at).send(valid));
      expect(error.code).toBe(Code.Internal);
      expect(error.message).not.toContain("hunter2");
      const requestId = /Request id: (\S+)/.exec(error.rawMessage)?.[1];
      const line = at.lines.find((each) => each.msg === "internal error") as { requestId: string; err: { stack: string } };
      expect(line.requestId).toBe(requestId);
      expect(line.err.stack).toContain("hunter2");
    });

    it("is answered at its deadline even when the handler does not listen", async () => {
      const at = await started({ send: () => new Promise(() => {}) });
      const error = await failure(clientOf(protocol, at).send(valid, { timeoutMs: 60 }));
      expect(error.code).toBe(Code.DeadlineExceeded);
    });

    it("gets a clear refusal for a body over the limit", async () => {
      const at = await started({ send: () => ({}) });
      const error = await failure(
        clientOf(protocol, at).send({ ...valid, content: { body: Buffer.alloc(5 * 1_024 * 1_024, "x").toString() } }),
      );
      expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([Code.ResourceExhausted, "BODY_TOO_LARGE"]);
    });

    it("is refused while the process drains", async () => {
      const at = await started({ send: () => ({}) });
      await at.server.drain(1_000);
      const error = await failure(clientOf(protocol, at).send(valid));
      expect(error.code).toBe(Code.Unavailable);
    });

    it("of a method that nobody implements says so", async () => {
      const at = await started({});
      const error = await failure(clientOf(protocol, at).send(valid));
      expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([Code.Unimplemented, "NOT_IMPLEMENTED"]);
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
        { field: "expires_at", description: "must be a time in RFC 3339: YYYY-MM-DDThh:mm:ssZ" },
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

  describe("of a batch", () => {
    const batch = async (notifications: unknown, more: object = {}) => {
      const seen: unknown[] = [];
      const { url } = await started({
        sendBatch: (request) => {
          seen.push(...request.notifications.map((each) => [each.content?.title, validateMessage(SendRequestSchema, each)]));
          return {};
        },
      });
      const response = await post(`${url}/carillon.ingest.v1.IngestService/SendBatch`, JSON.stringify({ notifications, ...more }));
      return { status: response.status, seen, answer: (await response.json()) as { message?: string } };
    };

    it("is read item by item: one that cannot be read is told as its own, and the others are as they were sent", async () => {
      const { status, seen } = await batch([
        valid,
        { recipients: valid.recipients, recipeints: [], content: { title: 7 } },
        null,
        { ...valid, channels: ["web"] },
        valid,
        {},
      ]);
      expect(status).toBe(200);
      expect(seen).toEqual([
        ["Hello", []],
        [
          undefined,
          [
            { field: "recipeints", description: 'unknown field "recipeints"; did you mean "recipients"?' },
            { field: "content.title", description: "must be a string" },
          ],
        ],
        [undefined, [{ field: "(body)", description: "must be an object" }]],
        [undefined, [{ field: "channels[0]", description: 'must be one of CHANNEL_EMAIL, CHANNEL_WEB; did you mean "CHANNEL_WEB"?' }]],
        ["Hello", []],
        [undefined, [{ field: "recipients", description: "must have at least 1 item" }]],
      ]);
    });

    it("is refused as a whole when more than its items is wrong", async () => {
      const unknown = await batch([{ ...valid, x: 1 }], { notification: [] });
      expect([unknown.status, unknown.seen, unknown.answer.message]).toEqual([
        400,
        [],
        'notifications[0].x: unknown field "x" (and 1 more)',
      ]);
      const tooMany = await batch(Array.from({ length: 1_001 }, () => ({ x: 1 })));
      expect([tooMany.status, tooMany.seen]).toEqual([400, []]);
      expect((await batch("none")).answer.message).toBe("notifications: must be a list");
    });
  });

  it.each([
    ["WEB", "CHANNEL_WEB"],
    ["web", "CHANNEL_WEB"],
    ["email", "CHANNEL_EMAIL"],
    ["Channel-Emial", "CHANNEL_EMAIL"],
    ["CHANNEL_SMS", undefined],
    ["sms", undefined],
  ])("that names the channel %s is told of %s", async (written, meant) => {
    const { violations } = await violationsOf({ ...valid, channels: [written] });
    const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
    expect(violations).toEqual([{ field: "channels[0]", description: `must be one of CHANNEL_EMAIL, CHANNEL_WEB${hint}` }]);
  });

  it("that writes a priority as people say it is told its name", async () => {
    const { message } = await violationsOf({ ...valid, priority: "high" });
    expect(message).toMatch(/^priority: must be one of .*; did you mean "PRIORITY_HIGH"\?$/);
  });

  it("may be gzipped; what only claims to be is refused", async () => {
    const { url } = await started({ send: () => ({ notificationId: "1" }) });
    const packed = Buffer.from(await gzip.compress(Buffer.from(JSON.stringify(valid))));
    expect((await post(url + send, packed, { "content-encoding": "gzip" })).status).toBe(200);
    expect((await post(url + send, "plain", { "content-encoding": "gzip" })).status).toBe(400);
    expect((await post(url + send, "plain", { "content-encoding": "br" })).status).toBe(415);
    const bomb = Buffer.from(await gzip.compress(Buffer.alloc(8 * 1_024 * 1_024)));
    const response = await post(url + send, bomb, { "content-encoding": "gzip" });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([413, "resource_exhausted"]);
  });
});

/** Connect's code and our reason, out of Connect's envelope. */
const refusalOf = async (response: Response) => {
  const { code, details } = (await response.json()) as { code: string; details: { type: string; debug: { reason: string } }[] };
  return [code, details.find(({ type }) => type === "google.rpc.ErrorInfo")?.debug.reason];
};

describe("a call", () => {
  it("with a deadline over a minute, or an unreadable one, is refused", async () => {
    const { url } = await started({ send: () => ({}) });
    for (const timeout of ["60001", "soon"]) {
      const response = await post(url + send, JSON.stringify(valid), { "connect-timeout-ms": timeout });
      expect([response.status, await refusalOf(response)]).toEqual([400, ["invalid_argument", "INVALID_REQUEST"]]);
    }
  });

  it("without a deadline gets ten seconds", async () => {
    let left = 0;
    const at = await started({
      send(_, context) {
        left = context.timeoutMs() ?? 0;
        return {};
      },
    });
    for (const protocol of ["Connect in binary", "gRPC-Web", "gRPC"] as const) {
      left = 0;
      await clientOf(protocol, at).send(valid);
      expect(left).toBeGreaterThan(9_000);
    }
  });

  it("of a media type that no protocol has is told which there are", async () => {
    const { url } = await started({ send: () => ({}) });
    for (const type of ["text/plain", "application/json; charset=iso-8859-1"]) {
      const response = await post(url + send, "x", { "content-type": type });
      expect([response.status, await refusalOf(response)]).toEqual([415, ["invalid_argument", "UNSUPPORTED_MEDIA_TYPE"]]);
    }
    const get = await fetch(url + send);
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
    expect(await refusalOf(get)).toEqual(["unimplemented", "METHOD_NOT_ALLOWED"]);
  });

  it("over gRPC-Web whose body is garbage is refused with a reason, and nothing internal is logged", async () => {
    const { url, lines } = await started({ send: () => ({}) });
    for (const [body, reason] of [
      [Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]), "INVALID_REQUEST"],
      [Buffer.from([0, 0, 0]), "INVALID_REQUEST"],
      [Buffer.from("garbage that is no frame"), "BODY_TOO_LARGE"],
    ] as const) {
      const response = await post(url + send, body, { "content-type": "application/grpc-web+proto" });
      const error = findTrailerError(trailerParse(new Uint8Array(await response.arrayBuffer()).subarray(5)));
      expect(error?.findDetails(ErrorInfoSchema)[0]?.reason).toBe(reason);
    }
    expect(lines.filter(({ msg }) => msg === "internal error")).toEqual([]);
  });

  it.each(["application/json;charset=UTF-8", 'application/json; charset="utf-8"', "Application/JSON ; charset=utf8"])(
    "in JSON may say %s",
    async (type) => {
      const { url } = await started({ send: () => ({}) });
      expect((await post(url + send, JSON.stringify(valid), { "content-type": type })).status).toBe(200);
    },
  );

  it.each([
    ["/carillon.ingest.v1.IngestService/Sned", 'carillon.ingest.v1.IngestService has no method Sned; did you mean "Send"?'],
    ["/carillon.ingest.v1.IngestService/Explode", "carillon.ingest.v1.IngestService has no method Explode."],
    ["/carillon.ingest.v2.IngestService/Send", "There is no service carillon.ingest.v2.IngestService here."],
  ])("to %s is told in Connect's words that there is none", async (path, message) => {
    const { url, lines } = await started({ send: () => ({}) });
    const response = await post(url + path, JSON.stringify(valid));
    expect(response.status).toBe(404);
    expect(await response.clone().json()).toMatchObject({ message });
    expect(await refusalOf(response)).toEqual(["unimplemented", "NOT_IMPLEMENTED"]);
    expect(lines.at(-1)).toMatchObject({ route: "(refused)", status: 404 });
  });

  it("of gRPC is refused over HTTP/1.1, whose clients do not get to see its trailers", async () => {
    const { url } = await started({ send: () => ({}) });
    expect((await post(url + send, "", { "content-type": "application/grpc" })).status).toBe(415);
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

  it.each(["Connect in binary", "gRPC"] as const)("over %s survives concurrency and pieces of bodies in any size", async (protocol) => {
    const at = await started({ send: (request) => ({ notificationId: request.content?.body ?? "" }) });
    const client = clientOf(protocol, at);
    const bodies = Array.from({ length: 50 }, (_, each) => `${each}-`.repeat(each * 500 + 1));
    const answers = await Promise.all(bodies.map((body) => client.send(create(SendRequestSchema, { ...valid, content: { body } }))));
    expect(answers.map((answer) => answer.notificationId)).toEqual(bodies);
  });
});
