/**
 * A load of one request repeated over keep-alive connections, as cheap as can be: raw sockets, so that the server and not the client is
 * what is measured. Bounded in count; ends by itself.
 */
import { connect, type Socket } from "node:net";

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly connections: number;
  readonly requests: number;
}

/** Answers requests a second, each of them answered 200: one that is refused for overload is sent again after the time that it is told. */
export async function run({ port, path, contentType, body, connections, requests }: Load): Promise<number> {
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: ${contentType}\r\nconnect-protocol-version: 1\r\ncontent-length: ${body.byteLength}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), body]);
  let left = requests;
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: connections }, () => one()));
  return requests / ((performance.now() - startedMs) / 1_000);

  function one(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket: Socket = connect(port, "127.0.0.1");
      let waiting = Buffer.alloc(0);
      const next = () => {
        if (left-- <= 0) return socket.end(resolve);
        socket.write(request);
      };
      socket.setNoDelay(true);
      socket.on("connect", next);
      socket.on("error", reject);
      socket.on("data", (chunk) => {
        waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
        if (!complete(waiting)) return;
        const [answer, status] = [waiting.toString("latin1"), waiting.toString("latin1", 9, 12)];
        waiting = Buffer.alloc(0);
        if (status === "200") return next();
        const [, seconds] = /^retry-after: (\d+)/im.exec(answer) ?? [];
        if (status !== "429" || seconds === undefined) return reject(new Error(answer.slice(0, 500)));
        setTimeout(() => socket.write(request), Number(seconds) * 1_000);
      });
    });
  }
}

function complete(answer: Buffer): boolean {
  const end = answer.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const head = answer.toString("latin1", 0, end).toLowerCase();
  const length = /content-length: (\d+)/.exec(head)?.[1];
  return length === undefined ? answer.subarray(-5).toString() === "0\r\n\r\n" : answer.length >= end + 4 + Number(length);
}
