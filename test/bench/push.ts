/** How long from the acknowledgement of a Send to its frame in a browser: 200 a second to 50 people, each with a connection. */
import { setTimeout as sleep } from "node:timers/promises";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf, post } from "../world/clients.ts";
import { startWorld } from "../world/world.ts";
import { quiet } from "./rates.ts";
import { quantile } from "./table.ts";

const PEOPLE = 50;
const EVERY_MS = 5;
const SENDS = 2_000;
const WARM_UP = 400;

export async function pushLatency(): Promise<{ p50: number; p99: number }> {
  const world = await startWorld({ env: quiet });
  const arrived = new Map<string, number>();
  const sockets = await Promise.all(Array.from({ length: PEOPLE }, (_, person) => listen(world, `reader-${person}`, arrived)));
  const { ingest } = clientsOf(world.url);
  const accepted = new Map<string, number>();
  const sending: Promise<void>[] = [];
  const startedMs = performance.now();
  for (let n = 0; n < SENDS + WARM_UP; n++) {
    sending.push(
      ingest
        .send({ recipients: [{ userId: `reader-${n % PEOPLE}` }], channels: [Channel.WEB], content: { title: `${n}` } })
        .then(() => void (n >= WARM_UP && accepted.set(`${n}`, performance.now()))),
    );
    await sleep(Math.max(0, startedMs + (n + 1) * EVERY_MS - performance.now()));
  }
  await Promise.all(sending);
  for (let waited = 0; arrived.size < SENDS + WARM_UP && waited < 10_000; waited += 50) await sleep(50);
  for (const socket of sockets) socket.close();
  await world.stop();
  // A frame may come before the acknowledgement has been read: that counts as 0.
  const sorted = [...accepted]
    .map(([title, atMs]) => Math.max(0, (arrived.get(title) ?? Number.POSITIVE_INFINITY) - atMs))
    .sort((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

/** A browser's socket, which notes when each title arrives. The gateway may have an address of its own. */
export async function listen(
  { url, gatewayUrl = url }: { readonly url: string; readonly gatewayUrl?: string },
  userId: string,
  arrived: Map<string, number>,
): Promise<WebSocket> {
  const { token } = (await post(`${url}/dev/token`, { user_id: userId })).body as { token: string };
  const socket = new WebSocket(`${gatewayUrl.replace("http", "ws")}/ws`);
  await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
  const welcomed = new Promise<void>((resolve) =>
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(String(data));
      if (frame.welcome) resolve();
      if (frame.ping) socket.send(JSON.stringify({ pong: {} }));
      if (frame.message) arrived.set(frame.message.message.title, performance.now());
    }),
  );
  socket.send(JSON.stringify({ hello: { token } }));
  await welcomed;
  return socket;
}
