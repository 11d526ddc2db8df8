/** A wire to a server that a test can cut, hold, mute, slow down or tear down: what the network does to a connection. */
import { createConnection, createServer, type Server, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /** Ends every connection; new ones are taken. */
  cut(): void;
  /** From now on nothing passes, in either direction, and nobody is told: the other side seems to think. */
  hold(): void;
  /** What was held passes, and all that comes. */
  release(): void;
  /** What is asked arrives, and no answer comes back, until `accept`. */
  mute(): void;
  /** Whatever passes takes that long each way, and comes at that many bytes a second of a connection at most; nothing given: as it was. */
  slow(by?: { readonly delayMs?: number; readonly bytesPerS?: number }): void;
  /** Ends every connection and takes no more, until `accept`. */
  refuse(): Promise<void>;
  /** Takes connections and answers again. Those whose answers were lost end: half an answer is none. */
  accept(): Promise<void>;
  close(): Promise<void>;
}

export async function tcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isHeld = false;
  let isMute = false;
  let slowness: { readonly delayMs?: number; readonly bytesPerS?: number } = {};
  let server: Server;
  let port = 0;

  const pass = (from: Socket, to: Socket, answers: boolean) => {
    sockets.add(from);
    from.on("data", (chunk) => {
      if (answers && isMute) return;
      const { delayMs = 0, bytesPerS = Number.POSITIVE_INFINITY } = slowness;
      const lateMs = delayMs + (chunk.length / bytesPerS) * 1_000;
      if (lateMs === 0) return void to.write(chunk);
      // One after the other, so that nothing overtakes.
      from.pause();
      setTimeout(() => {
        to.write(chunk);
        if (!isHeld) from.resume();
      }, lateMs);
    });
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
    if (isHeld) from.pause();
  };
  const listen = () =>
    new Promise<void>((resolve, reject) => {
      server = createServer((near) => {
        const far = createConnection(target);
        pass(near, far, false);
        pass(far, near, true);
      });
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        port = (server.address() as { port: number }).port;
        resolve();
      });
    });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const refuse = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      cut();
    });
  await listen();

  return {
    get port() {
      return port;
    },
    cut,
    hold() {
      isHeld = true;
      for (const socket of sockets) socket.pause();
    },
    release() {
      isHeld = false;
      for (const socket of sockets) socket.resume();
    },
    mute() {
      isMute = true;
    },
    slow(by = {}) {
      slowness = by;
    },
    refuse,
    async accept() {
      if (isMute) cut();
      isMute = false;
      if (!server.listening) await listen();
    },
    close: refuse,
  };
}
