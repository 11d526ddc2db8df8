import { connect } from "node:net";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { systemClock } from "#platform/clock.ts";
import type { Socket, SocketConnection, SocketHandler } from "./route.ts";
import { type RunningServer, type ServerOptions, serve } from "./server.ts";

const running: RunningServer[] = [];
afterEach(() => {
  for (const server of running.splice(0)) server.close();
});

const ignore: SocketHandler = { message() {}, drained() {}, closed() {} };

async function started(open: Socket["open"], limits: Partial<Socket> = {}, more: Partial<ServerOptions> = {}) {
  const lines: Record<string, unknown>[] = [];
  const server = await serve({
    ports: [0],
    host: "127.0.0.1",
    rpc: [],
    routes: [{ method: "GET", path: "/ws", scope: Scope.READ, handle: () => ({ status: 426, body: "a WebSocket is here" }) }],
    sockets: [{ path: "/ws", maxFrameBytes: 1_024, maxBufferedBytes: 64 * 1_024, open, ...limits }],
    authenticate: () => ({ environment: "development", internal: false, scopes: [Scope.ADMIN] }),
    ready: () => ({ ok: true, why: [] }),
    developmentHosts: true,
    trustProxy: false,
    logger: pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    metrics: new Registry(),
    clock: systemClock,
    ...more,
  });
  running.push(server);
  const port = server.ports[0] as number;
  return { server, lines, port, url: `ws://127.0.0.1:${port}/ws` };
}

const upgrade = (port: number, headers: Record<string, string> = {}) =>
  `${[
    "GET /ws HTTP/1.1",
    ...Object.entries({
      host: `127.0.0.1:${port}`,
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
      ...headers,
    }).map(([name, value]) => `${name}: ${value}`),
  ].join("\r\n")}\r\n\r\n`;

/** The answer's first bytes. */
const answerTo = (port: number, request: string) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.once("data", (chunk) => {
      resolve(chunk.toString());
      socket.destroy();
    });
    socket.once("error", reject);
  });

const opened = (socket: WebSocket) =>
  new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("no connection"));
  });

describe("a WebSocket", () => {
  it("carries texts both ways, also those that its handler sends at once", async () => {
    const closed: number[] = [];
    const { url } = await started((connection) => {
      expect(connection.send("welcome")).toBe(true);
      return { ...ignore, message: (text) => void connection.send(`heard ${text}`), closed: (code) => void closed.push(code) };
    });
    const socket = new WebSocket(url);
    const got: unknown[] = [];
    socket.onmessage = ({ data }) => got.push(data);
    await opened(socket);
    socket.send("hällo");
    await vi.waitFor(() => expect(got).toEqual(["welcome", "heard hällo"]));
    socket.close(4_000);
    await vi.waitFor(() => expect(closed).toEqual([4_000]));
  });

  it("is refused when its handler does not want it", async () => {
    const { port } = await started(() => undefined);
    const answer = await answerTo(port, upgrade(port));
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain("PERMISSION_DENIED");
  });

  it("is refused to other hosts and other sites' pages, and knows its origin and address", async () => {
    const seen: SocketConnection[] = [];
    const { port } = await started((connection) => {
      seen.push(connection);
      return ignore;
    });
    expect(await answerTo(port, upgrade(port, { host: "evil.example" }))).toContain("FORBIDDEN_HOST");
    expect(await answerTo(port, upgrade(port, { origin: "https://evil.example" }))).toContain("FORBIDDEN_ORIGIN");
    expect(seen).toHaveLength(0);
    expect(await answerTo(port, upgrade(port, { origin: `http://localhost:${port}` }))).toMatch(/^HTTP\/1\.1 101 /);
    expect(await answerTo(port, upgrade(port))).toMatch(/^HTTP\/1\.1 101 /);
    expect(seen.map(({ origin, remoteAddress }) => [origin, remoteAddress])).toEqual([
      [`http://localhost:${port}`, "127.0.0.1"],
      [undefined, "127.0.0.1"],
    ]);
  });

  it("is opened, in development, by pages of our other processes too, which may not post here", async () => {
    const { port } = await started(() => ignore, {}, { pagePorts: [8080] });
    for (const origin of ["http://localhost:8080", "http://127.0.0.1:8080"])
      expect(await answerTo(port, upgrade(port, { origin }))).toMatch(/^HTTP\/1\.1 101 /);
    expect(await answerTo(port, upgrade(port, { origin: "http://localhost:8081" }))).toContain("FORBIDDEN_ORIGIN");
    const posted = await fetch(`http://127.0.0.1:${port}/ws`, { method: "POST", headers: { origin: "http://localhost:8080" } });
    expect(await posted.text()).toContain("FORBIDDEN_ORIGIN");
  });

  it("is opened, in production, by pages of its own host and of the sites that it names, and by programs", async () => {
    const { port } = await started(() => ignore, { origins: ["https://shop.example"] }, { developmentHosts: false, pagePorts: [8080] });
    const host = "push.example";
    for (const headers of [{ host }, { host, origin: "https://push.example" }, { host, origin: "https://shop.example" }])
      expect(await answerTo(port, upgrade(port, headers))).toMatch(/^HTTP\/1\.1 101 /);
    for (const origin of ["https://evil.example", "http://localhost:8080", "https://push.example:8443"])
      expect(await answerTo(port, upgrade(port, { host, origin }))).toContain("FORBIDDEN_ORIGIN");
  });

  it("is refused while the process drains; those that are open stay their owner's affair", async () => {
    const { port, server, url } = await started(() => ignore);
    const socket = new WebSocket(url);
    await opened(socket);
    await server.drain(1_000);
    expect(await answerTo(port, upgrade(port))).toMatch(/^HTTP\/1\.1 503 /);
    expect(socket.readyState).toBe(WebSocket.OPEN);
  });

  it("may be closed by its handler with a code, even before it is open", async () => {
    let late: SocketConnection | undefined;
    const { url } = await started((connection) => {
      connection.close(3_501, "not you");
      late = connection;
      return ignore;
    });
    const socket = new WebSocket(url);
    const ended = new Promise<{ code: number; reason: string }>((resolve) => {
      socket.onclose = resolve;
    });
    expect(await ended).toMatchObject({ code: 3_501, reason: "not you" });
    expect(late?.send("too late")).toBe(false);
    expect(late?.buffered()).toBe(0);
  });

  it("ends on a binary frame, on one that is too large, and on a handler's failure", async () => {
    const { url, lines } = await started(() => ({
      ...ignore,
      message() {
        throw new Error("broken handler");
      },
    }));
    const codeAfter = async (frame: string | Uint8Array<ArrayBuffer>) => {
      const socket = new WebSocket(url);
      const ended = new Promise<number>((resolve) => {
        socket.onclose = ({ code }) => resolve(code);
      });
      await new Promise((resolve) => {
        socket.onopen = resolve;
      });
      socket.send(frame);
      return ended;
    };
    expect(await codeAfter(new Uint8Array(3))).toBe(1_003);
    expect(await codeAfter("x".repeat(2_000))).toBe(1_006);
    expect(await codeAfter("x")).toBe(1_011);
    expect(lines).toContainEqual(expect.objectContaining({ msg: "socket handler failed", path: "/ws" }));
  });

  it("whose reader is slow says so, tells when it has caught up, and is closed when it has lost a frame", async () => {
    let connection: SocketConnection | undefined;
    let drained = 0;
    let closed = 0;
    const frame = "x".repeat(32 * 1_024);
    const { port } = await started(
      (made) => {
        connection = made;
        return { ...ignore, drained: () => void drained++, closed: () => void closed++ };
      },
      { maxBufferedBytes: 1_024 * 1_024 },
    );
    const socket = connect(port, "127.0.0.1", () => socket.write(upgrade(port)));
    await new Promise((resolve) => socket.once("data", resolve));
    socket.pause();
    await vi.waitFor(
      () => {
        expect(connection?.send(frame)).toBe(true);
        expect(connection?.buffered()).toBeGreaterThan(frame.length);
      },
      { interval: 1, timeout: 5_000 },
    );
    socket.resume();
    await vi.waitFor(() => expect(drained).toBeGreaterThan(0));
    expect([connection?.buffered(), closed]).toEqual([0, 0]);
    socket.pause();
    await vi.waitFor(() => expect(connection?.send(frame)).toBe(false), { interval: 1, timeout: 5_000 });
    await vi.waitFor(() => expect(closed).toBe(1), { timeout: 5_000 });
    expect(connection?.send("more")).toBe(false);
    socket.destroy();
  });

  it("shares its path with a plain route", async () => {
    const { port } = await started(() => ignore);
    expect((await fetch(`http://127.0.0.1:${port}/ws`)).status).toBe(426);
  });
});
