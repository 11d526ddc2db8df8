/** Two mail servers, from the outside: when the first is out the second sends, each mail once, and people are told once. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

const told: { type: string; integration: string; severity: string }[] = [];
let hook: Server;
let primary: Sink;
let spare: Sink;
let world: World;
beforeAll(async () => {
  hook = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      told.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  [primary, spare] = [await openSink(), await openSink()];
  world = await startWorld({
    env: {
      CARILLON_EMAIL_INTEGRATIONS: `primary=smtp://127.0.0.1:${primary.port}?rate=none,spare=smtp://127.0.0.1:${spare.port}`,
      CARILLON_ALERTS_WEBHOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/alerts`,
    },
  });
});
afterAll(async () => {
  await world?.stop();
  await Promise.all([primary?.close(), spare?.close()]);
  hook?.close();
});

const notifications: string[] = [];
async function send(count: number): Promise<void> {
  const { ingest } = clientsOf(world.url);
  for (let at = 0; at < count; at++) {
    const person = notifications.length;
    const { notificationId } = await ingest.send({ recipients: [{ email: `p${person}@example.test` }], content: { title: "Hello" } });
    notifications.push(notificationId);
  }
}
const taken = ({ byDelivery }: Sink) => [...byDelivery.values()].reduce((sum, count) => sum + count, 0);

it("goes by the first server, and by the second once the first is out, each mail once; and says so once", async () => {
  await send(3);
  await expect.poll(() => taken(primary)).toBe(3);
  expect(taken(spare)).toBe(0);

  primary.refuse = () => ({ code: 421, text: "Closing" });
  await send(20);
  await expect.poll(() => taken(spare)).toBe(20);
  await expect
    .poll(() => told.map(({ type, integration, severity }) => [type, integration, severity]))
    .toEqual([["breaker.opened", "primary", "warning"]]);
  const { tracker } = clientsOf(world.url);
  const last = notifications.at(-1) as string;
  await expect
    .poll(async () => (await tracker.listAttempts({ notificationId: last })).attempts.map(({ provider }) => provider))
    .toEqual(["spare"]);
  expect([...primary.byDelivery.values(), ...spare.byDelivery.values()].every((count) => count === 1)).toBe(true);
});
