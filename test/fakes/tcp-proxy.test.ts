import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type TcpProxy, tcpProxy } from "./tcp-proxy.ts";

/** What the server heard; it answers each word with the same. */
let heard: string;
let server: Server;
let proxy: TcpProxy;
const near: Socket[] = [];

beforeEach(async () => {
  heard = "";
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      heard += chunk;
      socket.write(chunk);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  proxy = await tcpProxy({ host: "127.0.0.1", port: (server.address() as { port: number }).port });
});
afterEach(async () => {
  for (const socket of near.splice(0)) socket.destroy();
  await proxy.close();
  server.close();
});

async function connect() {
  const socket = createConnection(proxy.port, "127.0.0.1");
  near.push(socket);
  const connection = { socket, answers: "", isOver: false };
  socket.on("error", () => {});
  socket.on("close", () => (connection.isOver = true));
  socket.on("data", (chunk) => (connection.answers += chunk));
  await once(socket, "connect");
  return connection;
}

it("a mute wire carries what is asked and no answer, and ends who missed one when it speaks again", async () => {
  const first = await connect();
  first.socket.write("a");
  await expect.poll(() => first.answers).toBe("a");
  proxy.mute();
  first.socket.write("b");
  await expect.poll(() => heard).toBe("ab");
  await proxy.accept();
  await expect.poll(() => first.isOver).toBe(true);
  expect(first.answers).toBe("a");
  const second = await connect();
  second.socket.write("c");
  await expect.poll(() => second.answers).toBe("c");
});

it("a slow wire changes nothing of what passes, nor its order", async () => {
  proxy.slow({ delayMs: 5, bytesPerS: 100_000 });
  const { socket, ...connection } = await connect();
  const all = Array.from({ length: 500 }, (_, number) => `${number};`).join("");
  socket.on("data", (chunk) => (connection.answers += chunk));
  for (const word of all.match(/\d+;/g) as string[]) socket.write(word);
  await expect.poll(() => connection.answers, { timeout: 10_000 }).toBe(all);
});

it("a wire that is held keeps everything, and lets it through when it is released", async () => {
  const connection = await connect();
  proxy.hold();
  connection.socket.write("a");
  proxy.release();
  await expect.poll(() => connection.answers).toBe("a");
});
