import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { afterEach, describe, expect, it, vi } from "vitest";
import { SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { ConfigProblem } from "#platform/config/config.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { clientOf, failure, raw, send, started, valid } from "./server.fixture.ts";

const open: (ClientHttp2Session | Socket)[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.destroy();
});

function session(grpcUrl: string): ClientHttp2Session {
  const connection = connect(grpcUrl);
  connection.on("error", () => {});
  open.push(connection);
  return connection;
}

/** A call with headers of the test's own. */
const begin = (connection: ClientHttp2Session, headers: Record<string, string> = {}): ClientHttp2Stream =>
  connection.request({ ":method": "POST", ":path": send, "content-type": "application/grpc", te: "trailers", ...headers });

/** The status, wherever it came. */
async function outcome(stream: ClientHttp2Stream) {
  const met: IncomingHttpHeaders[] = [];
  for (const event of ["response", "trailers"]) stream.on(event, (headers: IncomingHttpHeaders) => met.push(headers));
  stream.on("error", () => {});
  stream.resume();
  await new Promise((resolve) => stream.once("close", resolve));
  const all = Object.assign({}, ...met) as Record<string, string>;
  const error = all["grpc-status"] === undefined ? undefined : findTrailerError(new Headers(withoutPseudo(all)));
  return { http: Number(all[":status"] ?? 0), grpcStatus: all["grpc-status"], error, headers: all, rst: stream.rstCode };
}

const withoutPseudo = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).filter(([name, value]) => !name.startsWith(":") && typeof value === "string"));

const message = (init = valid) => {
  const bytes = toBinary(SendRequestSchema, create(SendRequestSchema, init));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
};

describe("the gRPC door", () => {
  it("answers with a request id, and logs and measures the call as its own", async () => {
    const { grpcUrl, lines, metrics } = await started({ send: () => ({ notificationId: "1" }) });
    const stream = begin(session(grpcUrl), { "x-request-id": "abc-123" });
    stream.end(message());
    expect(await outcome(stream)).toMatchObject({ http: 200, grpcStatus: "0", headers: { "x-request-id": "abc-123" } });
    expect(lines).toContainEqual(expect.objectContaining({ msg: "request", procedure: send, code: "ok", requestId: "abc-123" }));
    expect(await metrics.metrics()).toContain(`carillon_rpc_seconds_count{door="grpc",procedure="${send}",code="ok"} 1`);
  });

  it.each(["evil.example:8081", "localhost.evil.example", "%%%"])("refuses the authority %j in development", async (authority) => {
    const { grpcUrl } = await started({ send: () => ({}) });
    const stream = begin(session(grpcUrl), { ":authority": authority });
    stream.end(message());
    const { error } = await outcome(stream);
    expect([error?.code, error?.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([Code.PermissionDenied, "FORBIDDEN_HOST"]);
  });

  it("outlives an authority that is no host at all when every host may call", async () => {
    const { grpcUrl } = await started({ send: () => ({}) }, { developmentHosts: false });
    const stream = begin(session(grpcUrl), { ":authority": "%%%" });
    stream.end(message());
    expect((await outcome(stream)).grpcStatus).toBe("0");
  });

  it("says that a method is not there, without repeating its name to the log", async () => {
    const { grpcUrl, lines } = await started({ send: () => ({}) });
    const stream = begin(session(grpcUrl), { ":path": "/somebody@example.test/Send" });
    stream.end(message());
    expect((await outcome(stream)).error?.code).toBe(Code.Unimplemented);
    expect(JSON.stringify(lines)).not.toContain("somebody");
  });

  it("refuses what is not gRPC by HTTP status", async () => {
    const { grpcUrl } = await started({ send: () => ({}) });
    const connection = session(grpcUrl);
    for (const type of ["application/json", "application/grpc-web+proto", "application/proto"]) {
      const stream = begin(connection, { "content-type": type });
      stream.end("{}");
      expect((await outcome(stream)).http).toBe(415);
    }
    const get = connection.request({ ":method": "GET", ":path": send, "content-type": "application/grpc" });
    expect((await outcome(get)).http).toBe(405);
  });

  it("tells of a message that cannot be read, and logs it once", async () => {
    const { grpcUrl, lines } = await started({ send: () => ({}) });
    const stream = begin(session(grpcUrl));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 0x0a, 0xff]));
    expect((await outcome(stream)).error?.code).toBe(Code.InvalidArgument);
    await vi.waitFor(() => expect(lines.filter((line) => line.procedure === send).map(({ code }) => code)).toEqual(["invalid_argument"]));
  });

  it("gives a caller with endless headers up, and nobody else", async () => {
    const at = await started({ send: () => ({ notificationId: "1" }) });
    const stream = begin(session(at.grpcUrl), { "x-much": "x".repeat(20_000) });
    stream.end(message());
    expect((await outcome(stream)).error?.code).toBe(Code.ResourceExhausted);
    const enormous = begin(session(at.grpcUrl), { "x-much": "x".repeat(200_000) });
    enormous.end(message());
    expect((await outcome(enormous)).grpcStatus).toBeUndefined();
    expect((await clientOf("gRPC", at).send(valid)).notificationId).toBe("1");
  });

  it("refuses to be a proxy", async () => {
    const { grpcUrl } = await started({ send: () => ({}) });
    const tunnel = session(grpcUrl).request({ ":method": "CONNECT", ":authority": "localhost:1" });
    expect((await outcome(tunnel)).http).toBe(405);
  });

  it("outlives callers who speak HTTP/1.1, or nothing known", async () => {
    const at = await started({ send: () => ({ notificationId: "1" }) });
    const port = Number(new URL(at.grpcUrl).port);
    await raw(port, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await raw(port, "\0\0\0".repeat(100));
    expect((await clientOf("gRPC", at).send(valid)).notificationId).toBe("1");
  });

  it("aborts its handler when the caller cancels", async () => {
    let seen: AbortSignal | undefined;
    const { grpcUrl, lines } = await started({
      send(_, { signal }) {
        seen = signal;
        return new Promise(() => {});
      },
    });
    const stream = begin(session(grpcUrl));
    stream.end(message());
    await vi.waitFor(() => expect(seen).toBeDefined());
    stream.close(constants.NGHTTP2_CANCEL);
    await vi.waitFor(() => expect(seen?.aborted).toBe(true));
    await vi.waitFor(() => expect(lines.find((line) => line.procedure === send)?.code).toBe("canceled"));
  });

  it("gives up a request that stops in the middle", { timeout: 30_000 }, async () => {
    const { grpcUrl } = await started({ send: () => ({}) });
    const stream = begin(session(grpcUrl));
    stream.write(message().subarray(0, 7));
    expect((await outcome(stream)).rst).toBe(constants.NGHTTP2_CANCEL);
  });

  it("says in one sentence that its port is taken", async () => {
    const { server } = await started();
    const second = started({}, { grpcPort: server.grpcPort });
    await expect(second).rejects.toThrow(ConfigProblem);
    await expect(second).rejects.toThrow(`Port ${server.grpcPort} of 127.0.0.1 is taken: stop what uses it, or set CARILLON_GRPC_PORT`);
  });
});

describe("a gRPC connection", () => {
  it("is told to go away when the process drains: what runs is answered, and then it ends", async () => {
    let finish = () => {};
    const { grpcUrl, server } = await started({
      send: () => new Promise((resolve) => (finish = () => resolve({ notificationId: "1" }))),
    });
    const connection = session(grpcUrl);
    const went: number[] = [];
    connection.on("goaway", (code) => went.push(code));
    const stream = begin(connection);
    stream.end(message());
    const answered = outcome(stream);
    await vi.waitFor(() => expect(String(finish)).toContain("notificationId"));
    let drained = false;
    const draining = server.drain(5_000).then(() => {
      drained = true;
    });
    await vi.waitFor(() => expect(went).toEqual([constants.NGHTTP2_NO_ERROR]));
    expect(drained).toBe(false);
    finish();
    expect((await answered).grpcStatus).toBe("0");
    await draining;
    await vi.waitFor(() => expect(connection.closed).toBe(true));
    expect((await failure(clientOf("gRPC", { url: "", grpcUrl }).send(valid))).code).toBe(Code.Unavailable);
  });

  it("may hold 256 calls at once", async () => {
    const { grpcUrl } = await started();
    const connection = session(grpcUrl);
    await vi.waitFor(() => expect(connection.remoteSettings.maxConcurrentStreams).toBe(256));
  });

  it("that calls nothing for five minutes is told to go away, and one with a call under way is not", async () => {
    const clock = fakeClock();
    const { grpcUrl } = await started({ send: () => new Promise(() => {}) }, { clock });
    const [idle, busy] = [session(grpcUrl), session(grpcUrl)];
    const went: number[] = [];
    idle.on("goaway", (code) => went.push(code));
    const stream = begin(busy);
    stream.end(message());
    await vi.waitFor(() => expect(clock.sleepers()).toBeGreaterThanOrEqual(2));
    const pinged = { idle: 0, busy: 0 };
    idle.on("ping", () => pinged.idle++);
    busy.on("ping", () => pinged.busy++);
    for (let round = 1; round < 10; round++) {
      await clock.advance(30_000);
      await vi.waitFor(() => expect(pinged).toEqual({ idle: round, busy: round }));
      // Behind the answer to that ping: the server has it then.
      await Promise.all([idle, busy].map((each) => new Promise((resolve) => each.ping(resolve))));
    }
    expect(idle.closed).toBe(false);
    await clock.advance(30_000);
    await vi.waitFor(() => expect([idle.closed, went[0]]).toEqual([true, constants.NGHTTP2_NO_ERROR]));
    expect(busy.closed).toBe(false);
  });

  it("gets a place though 1,024 idle ones hold them all: the one that has been idle for longest makes room", async () => {
    const at = await started({ send: () => ({ notificationId: "1" }) });
    const ended: number[] = [];
    const connected = Array.from({ length: 1_024 }, async (_, index) => {
      const socket = connectTcp(Number(new URL(at.grpcUrl).port), "127.0.0.1");
      open.push(socket);
      socket.on("error", () => {}).on("close", () => ended.push(index));
      socket.resume();
      await new Promise((resolve) => socket.once("connect", resolve));
    });
    await Promise.all(connected);
    expect((await clientOf("gRPC", at).send(valid)).notificationId).toBe("1");
    await vi.waitFor(() => expect(ended).toHaveLength(1));
  });

  it("whose other side has died is cut, and its calls with it", async () => {
    const clock = fakeClock();
    const { grpcUrl } = await started({ send: () => ({}) }, { clock });
    const living = session(grpcUrl);
    let pinged = 0;
    living.on("ping", () => pinged++);
    // Says hello with empty settings, and then nothing.
    const dead = connectTcp(Number(new URL(grpcUrl).port), "127.0.0.1");
    open.push(dead);
    let ended = false;
    dead.on("error", () => {}).on("close", () => (ended = true));
    dead.resume();
    dead.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]));
    await vi.waitFor(() => expect(clock.sleepers()).toBe(2), 10_000);
    await clock.advance(30_000);
    // The living one has answered when its sleep for the answer is over and the next interval has begun.
    await vi.waitFor(() => expect(pinged).toBe(1));
    await vi.waitFor(
      async () => {
        await clock.advance(1_000);
        expect(ended).toBe(true);
      },
      { timeout: 10_000 },
    );
    expect(living.closed).toBe(false);
  });
});
