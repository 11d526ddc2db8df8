/** A browser that does not read, over a real connection whose buffers are full. */
import { connect, type Socket } from "node:net";
import { fromJsonString } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { type ServerFrame, ServerFrameSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import { soon, startGateway } from "./socket.fixture.ts";

it("a browser that reads slowly is told so, and has every message once and in order when it has read", async () => {
  const gateway = await startGateway();
  const { socket, frames } = await rawVisit(gateway.port, await gateway.token());
  await soon(() => expect(frames.map(({ case: kind }) => kind)).toEqual(["welcome"]));
  socket.pause();
  const titles = Array.from({ length: 300 }, (_, index) => `m${index}`);
  for (let from = 0; from < titles.length; from += 10) await gateway.publish(titles.slice(from, from + 10), { body: "x".repeat(60_000) });
  socket.resume();
  const received = () => frames.flatMap((frame) => (frame.case === "message" ? [frame.value.message?.title] : []));
  await soon(() => expect(received().length).toBeGreaterThanOrEqual(titles.length));
  expect(received()).toEqual(titles);
  expect(frames.some((frame) => frame.case === "resync")).toBe(true);
  socket.destroy();
}, 60_000);

/** A WebSocket by hand, since those of Node read as fast as they can. */
async function rawVisit(port: number, token: string): Promise<{ socket: Socket; frames: ServerFrame["frame"][] }> {
  const frames: ServerFrame["frame"][] = [];
  const socket = connect(port, "127.0.0.1");
  let unread = Buffer.alloc(0);
  const upgraded = new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.on("data", (chunk) => {
      unread = Buffer.concat([unread, chunk]);
      const end = unread.indexOf("\r\n\r\n");
      if (unread.toString("latin1", 0, 4) !== "HTTP") take();
      else if (end >= 0) {
        unread = unread.subarray(end + 4);
        resolve();
        take();
      }
    });
  });
  function take(): void {
    for (let frame = firstOf(unread); frame; frame = firstOf(unread)) {
      unread = unread.subarray(frame.end);
      if (frame.isText) frames.push(fromJsonString(ServerFrameSchema, frame.payload.toString()).frame);
    }
  }
  socket.write(
    `GET /ws HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  await upgraded;
  socket.write(textFrame(JSON.stringify({ hello: { token } })));
  return { socket, frames };
}

/** A browser's frame, masked with zeros. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 255, 0, 0, 0, 0]), payload]);
}

/** The first whole frame of a server, if there is one. */
function firstOf(bytes: Buffer): { isText: boolean; payload: Buffer; end: number } | undefined {
  if (bytes.length < 2) return undefined;
  const [head = 0, short = 0] = bytes;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const end = start + length;
  return bytes.length < end ? undefined : { isText: (head & 15) === 1, payload: bytes.subarray(start, end), end };
}
