/** Two mail servers, from the outside: when the first is out the second sends, each mail once, and people are told once. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Order_Action as Action, BreakerMode, BreakerPhase } from "#gen/carillon/providers/v1/providers_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

/** Processes have to come back. */
const LONG = { timeout: 60_000 };

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

it("an operator moves integrations by hand: what is paused sends nothing until it is resumed, and it stays known who did it and why", async () => {
  const { providers } = clientsOf(world.url);
  primary.refuse = () => undefined;
  const closed = await providers.setBreaker({ id: "primary", mode: BreakerMode.FORCED_CLOSED, why: "It is back." });
  expect(closed.integration).toMatchObject({ phase: BreakerPhase.CLOSED, mode: BreakerMode.FORCED_CLOSED });
  await providers.setBreaker({ id: "primary", mode: BreakerMode.AUTO, why: "It is back." });
  const before = [taken(primary), taken(spare)] as const;
  await send(2);
  await expect.poll(() => taken(primary)).toBe(before[0] + 2);

  for (const id of ["primary", "spare"]) await providers.pauseIntegration({ id, why: "Moving servers." });
  expect((await providers.listIntegrations({})).integrations.map(({ id, paused }) => [id, paused])).toEqual([
    ["primary", true],
    ["spare", true],
  ]);
  await send(1);
  const { tracker } = clientsOf(world.url);
  const last = notifications.at(-1) as string;
  const reasons = async () => (await tracker.explain({ notificationId: last })).steps.flatMap(({ sentences }) => sentences);
  await expect.poll(reasons).toContain("An operator has paused whatever it could be sent by, so it waits without using up an attempt.");
  await providers.resumeIntegration({ id: "spare", why: "Moved." });
  await expect.poll(() => taken(spare), { timeout: 30_000 }).toBe(before[1] + 1);
  expect(taken(primary)).toBe(before[0] + 2);
  await providers.resumeIntegration({ id: "primary", why: "Moved." });
  const { orders } = await providers.getIntegration({ id: "primary" });
  expect(orders.map(({ action, by, why }) => [action, by, why])).toEqual([
    [Action.RESUME, "development", "Moved."],
    [Action.PAUSE, "development", "Moving servers."],
    [Action.AUTO, "development", "It is back."],
    [Action.FORCE_CLOSED, "development", "It is back."],
  ]);
});

it("what an operator ordered holds when the process that sends was killed and is back, and is known", async () => {
  for (const id of ["primary", "spare"]) await clientsOf(world.url).providers.pauseIntegration({ id, why: "Overnight." });
  await clientsOf(world.url).providers.setBreaker({ id: "spare", mode: BreakerMode.FORCED_CLOSED, why: "Overnight." });
  const before = [taken(primary), taken(spare)] as const;
  await world.kill("email-workers");
  await world.heal();
  const { providers, tracker } = clientsOf(world.url);
  await expect
    .poll(
      async () => (await providers.listIntegrations({}).catch(() => undefined))?.integrations.map(({ paused, mode }) => [paused, mode]),
      LONG,
    )
    .toEqual([
      [true, BreakerMode.AUTO],
      [true, BreakerMode.FORCED_CLOSED],
    ]);
  expect((await providers.getIntegration({ id: "spare" })).orders[0]).toMatchObject({ action: Action.FORCE_CLOSED, why: "Overnight." });
  await send(1);
  const last = notifications.at(-1) as string;
  const reason = async () => (await tracker.getNotification({ notificationId: last })).notification?.deliveries[0]?.reason;
  await expect.poll(reason, LONG).toBe("provider_paused");
  expect([taken(primary), taken(spare)]).toEqual(before);
  for (const id of ["primary", "spare"]) await providers.resumeIntegration({ id, why: "Morning." });
  await expect.poll(() => taken(primary) + taken(spare), LONG).toBe(before[0] + before[1] + 1);
});
