/**
 * A noisy tenant, in a process of its own: one request over and over on so many connections, each answer followed by the next request at once,
 * also one that says when to come again. Bounded in time; prints how many were answered by each status.
 *
 * node test/bench/flood.ts PORT PATH CONNECTIONS MS, with the request's body on stdin.
 */
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";

const [port, path, connections, ms] = process.argv.slice(2);
const body = await buffer(process.stdin);
const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/proto\r\nconnect-protocol-version: 1\r\ncontent-length: ${body.byteLength}\r\n\r\n`;
const request = Buffer.concat([Buffer.from(head), body]);
const untilMs = performance.now() + Number(ms);
const statuses: Record<string, number> = {};

await Promise.all(Array.from({ length: Number(connections) }, () => one()));
console.log(JSON.stringify(statuses));

function one(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1");
    let answer = "";
    socket.setNoDelay(true);
    socket.on("connect", () => socket.write(request));
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
      const end = answer.indexOf("\r\n\r\n");
      const length = end < 0 ? undefined : /content-length: (\d+)/i.exec(answer.slice(0, end))?.[1];
      if (length === undefined || answer.length < end + 4 + Number(length)) return;
      const status = answer.slice(9, 12);
      statuses[status] = (statuses[status] ?? 0) + 1;
      answer = "";
      if (performance.now() < untilMs) socket.write(request);
      else socket.end(resolve);
    });
  });
}
