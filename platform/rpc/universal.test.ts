import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { create, createFileRegistry, type DescMethodStreaming, type DescMethodUnary, type DescService } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  MethodOptions_IdempotencyLevel,
  type StringValue,
  type StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import { type CallOptions, Code, ConnectError, type ConnectRouter, type HandlerContext, type Transport } from "@connectrpc/connect";
import { endStreamFromJson } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { createConnectTransport } from "@connectrpc/connect-node";
import { pino } from "pino";
import { Registry } from "prom-client";
import { describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { createClients } from "./memory.ts";
import { type Protocol, started as startedWith, transports } from "./server.fixture.ts";

/** A service with every kind of method that HTTP/1.1 carries; no contract of ours has them all. */
const service = (() => {
  const value = { inputType: ".google.protobuf.StringValue", outputType: ".google.protobuf.StringValue" };
  const file = create(FileDescriptorProtoSchema, {
    name: "echo.proto",
    package: "test",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto"],
    service: [
      {
        name: "Echo",
        method: [
          { name: "Say", ...value, options: { idempotencyLevel: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS } },
          { name: "Count", ...value, serverStreaming: true },
          { name: "Join", ...value, clientStreaming: true },
        ],
      },
    ],
  });
  return createFileRegistry(file, () => file_google_protobuf_wrappers.proto).getService("test.Echo") as DescService;
})();
type Streaming = DescMethodStreaming<typeof StringValueSchema, typeof StringValueSchema>;
const { say, count, join } = service.method as {
  say: DescMethodUnary<typeof StringValueSchema, typeof StringValueSchema>;
  count: Streaming;
  join: Streaming;
};

interface Echo {
  say?(request: StringValue, context: HandlerContext): { value: string };
  count?(request: StringValue, context: HandlerContext): AsyncIterable<{ value: string }>;
  join?(requests: AsyncIterable<StringValue>): Promise<{ value: string }>;
}

const started = (echo: Echo) => startedWith({}, { rpc: [(router: ConnectRouter) => router.service(service, echo as never)] });

async function* once(value: string) {
  yield { value };
}

const read = async (transport: Transport, value: string, signal?: AbortSignal, timeoutMs?: number): Promise<string[]> => {
  const { message } = await transport.stream(count, signal, timeoutMs, undefined, once(value));
  const got: string[] = [];
  for await (const each of message) got.push(each.value);
  return got;
};

const rejected = (call: Promise<unknown>) => call.then(() => undefined, ConnectError.from) as Promise<ConnectError>;

const numbers = async function* ({ value }: StringValue) {
  for (let at = 0; at < Number(value); at++) yield { value: `${at}` };
};

const frame = Buffer.from([0, 0, 0, 0, 0]);

/** What stands in the last frame of an answer over HTTP/1.1. */
async function errorIn(response: Response): Promise<ConnectError | undefined> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const last = bytes.subarray(5);
  return response.headers.get("content-type")?.startsWith("application/grpc-web")
    ? findTrailerError(trailerParse(last))
    : endStreamFromJson(last).error;
}

const refusedFrames = [
  ["a frame of garbage", Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]), {}],
  ["a deadline that is no number", frame, { "connect-timeout-ms": "abc", "grpc-timeout": "abc" }],
] as const;

for (const type of ["connect+proto", "connect+json", "grpc-web+proto"])
  it.each(refusedFrames)(`a stream of application/${type} is refused with a reason for %s`, async (_what, body, headers) => {
    const { url } = await started({ count: numbers });
    const sent = { method: "POST", headers: { ...headers, "content-type": `application/${type}` }, body };
    const error = (await errorIn(await fetch(`${url}/test.Echo/Count`, sent))) as ConnectError;
    expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([Code.InvalidArgument, "INVALID_REQUEST"]);
  });

for (const protocol of Object.keys(transports) as Protocol[])
  describe(`a stream over ${protocol}`, () => {
    it("brings 20,000 messages in order", async () => {
      const at = await started({ count: numbers });
      expect(await read(transports[protocol](at), "20000")).toEqual(Array.from({ length: 20_000 }, (_, at) => `${at}`));
    });

    it("of the caller's is read to its end", async () => {
      const at = await started({
        async join(requests) {
          let value = "";
          for await (const request of requests) value += request.value;
          return { value };
        },
      });
      const parts = Array.from({ length: 300 }, (_, at) => `${at}${"x".repeat(2_000)}`);
      async function* sent() {
        for (const value of parts) yield { value };
      }
      const { message } = await transports[protocol](at).stream(join, undefined, undefined, undefined, sent());
      for await (const answer of message) expect(answer.value).toBe(parts.join(""));
    });

    it("that fails in the middle says why, after what came before", async () => {
      const at = await started({
        async *count() {
          yield { value: "one" };
          throw new Problem("LOG_UNAVAILABLE");
        },
      });
      const got: string[] = [];
      const { message } = await transports[protocol](at).stream(count, undefined, undefined, undefined, once(""));
      const error = await rejected(
        (async () => {
          for await (const each of message) got.push(each.value);
        })(),
      );
      expect(got).toEqual(["one"]);
      expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([Code.Unavailable, "LOG_UNAVAILABLE"]);
    });

    it("ends at its deadline even when its handler waits for ever", async () => {
      const at = await started({
        async *count() {
          yield { value: "one" };
          await new Promise(() => {});
        },
      });
      expect((await rejected(read(transports[protocol](at), "", undefined, 100))).code).toBe(Code.DeadlineExceeded);
    });

    it("is told to come again when the process drains", async () => {
      let began = false;
      const at = await started({
        async *count(_, { signal }) {
          began = true;
          yield { value: "one" };
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      });
      const reading = rejected(read(transports[protocol](at), ""));
      await vi.waitFor(() => expect(began).toBe(true));
      await at.server.drain(5_000);
      const error = await reading;
      expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([Code.Unavailable, "DRAINING"]);
      expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
    });

    it("aborts its handler when the caller leaves in the middle", async () => {
      let seen: AbortSignal | undefined;
      const at = await started({
        async *count(_, { signal }) {
          seen = signal;
          yield { value: "one" };
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      });
      const leaving = new AbortController();
      const reading = rejected(read(transports[protocol](at), "", leaving.signal));
      await vi.waitFor(() => expect(seen).toBeDefined());
      leaving.abort();
      await reading;
      await vi.waitFor(() => expect(seen?.aborted).toBe(true));
      await vi.waitFor(() => expect(at.lines.filter((line) => line.procedure === "/test.Echo/Count")).toHaveLength(1));
    });
  });

describe("a stream", () => {
  const endless = (bytes: number) => {
    const echo = {
      made: 0,
      async *count() {
        for (; echo.made < 2_000; echo.made++) yield { value: "x".repeat(bytes) };
      },
    };
    return echo;
  };
  const stopsBefore = async (echo: { readonly made: number }, most: number) => {
    let before = -1;
    await vi.waitFor(
      () => {
        const stopped = echo.made > 0 && echo.made === before;
        before = echo.made;
        expect(stopped).toBe(true);
      },
      { interval: 150, timeout: 5_000 },
    );
    expect(echo.made).toBeLessThan(most);
  };
  const envelope = Buffer.from([0, 0, 0, 0, 0]);

  it("over HTTP/1.1 waits for a caller who does not read, instead of filling the memory", async () => {
    const echo = endless(64 * 1_024);
    const { port } = await started(echo);
    const head = `POST /test.Echo/Count HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/connect+proto\r\ncontent-length: ${envelope.length}\r\n\r\n`;
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.concat([Buffer.from(head), envelope])));
    socket.pause();
    await stopsBefore(echo, 1_000);
    socket.resume();
    await vi.waitFor(() => expect(echo.made).toBe(2_000), { timeout: 10_000 });
    socket.destroy();
  });

  it("over gRPC waits for a caller who does not read, instead of filling the memory", async () => {
    const echo = endless(4 * 1_024);
    const { grpcUrl } = await started(echo);
    const connection = connectHttp2(grpcUrl);
    const stream = connection.request({ ":method": "POST", ":path": "/test.Echo/Count", "content-type": "application/grpc" });
    stream.end(envelope);
    await stopsBefore(echo, 50);
    stream.resume();
    await vi.waitFor(() => expect(echo.made).toBe(2_000), { timeout: 10_000 });
    connection.destroy();
  });

  it("may have a deadline of days, where other calls may have a minute", async () => {
    const at = await started({ count: numbers, say: ({ value }) => ({ value }) });
    for (const protocol of ["Connect in binary", "gRPC"] as const) {
      const transport = transports[protocol](at);
      expect(await read(transport, "2", undefined, 86_400_000)).toEqual(["0", "1"]);
      expect((await rejected(read(transport, "2", undefined, 8 * 86_400_000))).code).toBe(Code.InvalidArgument);
      expect((await rejected(transport.unary(say, undefined, 60_001, undefined, { value: "" }))).code).toBe(Code.InvalidArgument);
    }
  });
});

describe("a stream in memory", () => {
  const clientOf = (echo: Echo) => {
    const lines: Record<string, unknown>[] = [];
    const clients = createClients({
      rpc: () => [(router: ConnectRouter) => router.service(service, echo as never)],
      logger: pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
      metrics: new Registry(),
      clock: systemClock,
    });
    const client = clients(service, "development") as unknown as {
      count(request: { value: string }, options?: CallOptions): AsyncIterable<StringValue>;
    };
    return { client, lines };
  };

  it("brings its messages in order and is counted once", async () => {
    const { client, lines } = clientOf({ count: numbers });
    const got: string[] = [];
    for await (const { value } of client.count({ value: "5" })) got.push(value);
    expect(got).toEqual(["0", "1", "2", "3", "4"]);
    expect(lines.map(({ procedure, code }) => [procedure, code])).toEqual([["/test.Echo/Count", "ok"]]);
  });

  it("masks a failure in the middle, and aborts its handler with its caller's signal", async () => {
    const failing = clientOf({
      async *count() {
        yield { value: "one" };
        throw new Error("inner secret");
      },
    });
    const error = await rejected(
      (async () => {
        for await (const _ of failing.client.count({ value: "" }));
      })(),
    );
    expect([error.code, error.message.includes("inner secret")]).toEqual([Code.Internal, false]);
    let seen: AbortSignal | undefined;
    const { client } = clientOf({
      async *count(_, { signal }) {
        seen = signal;
        for (;;) yield { value: "more" };
      },
    });
    const leaving = new AbortController();
    const left = await rejected(
      (async () => {
        for await (const _ of client.count({ value: "" }, { signal: leaving.signal })) leaving.abort();
      })(),
    );
    expect(left.code).toBe(Code.Canceled);
    await vi.waitFor(() => expect(seen?.aborted).toBe(true));
  });
});

describe("a call without side effects", () => {
  const echo: Echo = { say: ({ value }, context) => ({ value: `${value} by ${context.requestMethod}` }) };

  it("may be a GET, in JSON or binary, and has a deadline too", async () => {
    let left = 0;
    const { url } = await started({
      say(request, context) {
        left = context.timeoutMs() ?? 0;
        return { value: `${request.value} by ${context.requestMethod}` };
      },
    });
    for (const useBinaryFormat of [true, false]) {
      const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1", useHttpGet: true, useBinaryFormat });
      expect((await transport.unary(say, undefined, undefined, undefined, { value: "hi" })).message.value).toBe("hi by GET");
      expect(left).toBeGreaterThan(9_000);
    }
  });

  it("answers HEAD and PUT with the methods it takes", async () => {
    const { url } = await started(echo);
    const response = await fetch(`${url}/test.Echo/Say`, { method: "PUT" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, GET"]);
  });

  it("that is refused before the interceptors is still logged", async () => {
    const { url, lines } = await started(echo);
    const response = await fetch(`${url}/test.Echo/Say?encoding=json&message=${encodeURIComponent("{")}`);
    expect(response.status).toBe(400);
    expect(JSON.stringify(await response.json())).toContain('"reason":"INVALID_REQUEST"');
    expect(lines).toContainEqual(expect.objectContaining({ method: "GET", route: "/test.Echo/Say", status: 400 }));
  });
});
