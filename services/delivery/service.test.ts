import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { Order_Action as Action, BreakerMode, BreakerPhase, ProvidersService } from "#gen/carillon/providers/v1/providers_pb.ts";
import { memoryBreakers } from "#platform/limits/breaker.memory.ts";
import { sqliteOrders } from "#platform/limits/orders.sqlite.ts";
import type { Orders } from "#platform/limits/orders.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";
import { watching } from "./breaker.ts";
import type { Route } from "./integration.ts";
import { tellingOrders } from "./orders.ts";
import { nullSender } from "./providers/email/null.ts";
import { providersClients } from "./service.fixture.ts";

const { SENT, DEFERRED } = DeliveryStatus;
const { here, run, integration, put, deliveryOf, statuses, until, pass } = deliveries();
const rate = { perSecond: 10, burst: 20 };

let folder: string;
let database: Database;
let orders: Orders;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-providers-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  orders = await sqliteOrders(database);
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

/** Two integrations, whom mails went by, and a client of each environment: `development` is the home. */
function open() {
  const sent: string[] = [];
  const sender = (id: string) => ({
    ...nullSender(),
    id,
    async send(...asked: Parameters<ReturnType<typeof nullSender>["send"]>) {
      sent.push(id);
      return nullSender().send(...asked);
    },
  });
  const route: Route = [integration(sender("primary"), { rate }), integration(sender("spare"))];
  const clients = providersClients({ ...here, ...here.at, orders, integrations: route });
  return { route, sent, clients, providers: clients(ProvidersService, "development") };
}

describe("the providers' service", () => {
  it("tells each integration, in order of preference, with its breaker and what it may still send", async () => {
    const { providers } = open();
    await here.buckets.take({
      ...{ integration: "primary", rate, holder: "w", back: 0, kept: 0, ahead: 0 },
      wanted: { high: 5, medium: 0, low: 0 },
    });
    for (let failure = 0; failure < 5; failure++)
      await here.breakers.report({ integration: "spare", generation: 0, holder: "w", is: "failure" });
    const openedMs = BigInt(here.at.clock.nowMs());
    await here.at.clock.advance(500);
    const { integrations } = await providers.listIntegrations({});
    const shared = { channel: Channel.EMAIL, provider: "smtp", paused: false, mode: BreakerMode.AUTO };
    expect(integrations).toMatchObject([
      { ...shared, id: "primary", place: 1, phase: BreakerPhase.CLOSED, sinceMs: 0n, rate: { perSecond: 10, burst: 20, tokens: 20 } },
      { ...shared, id: "spare", place: 2, phase: BreakerPhase.OPEN, sinceMs: openedMs },
    ]);
    expect(integrations[1]?.rate).toBeUndefined();
  });

  it("keeps who ordered what and why, and answers what there is none of with its name", async () => {
    const { providers } = open();
    await providers.pauseIntegration({ id: "spare", why: "its quota is used up" });
    await here.at.clock.advance(5);
    await providers.setBreaker({ id: "spare", mode: BreakerMode.FORCED_CLOSED, why: "it answers again" });
    const { integration: told, orders } = await providers.getIntegration({ id: "spare" });
    expect(told).toMatchObject({ paused: true, mode: BreakerMode.FORCED_CLOSED, phase: BreakerPhase.CLOSED });
    expect(orders.map(({ action, by, why }) => [action, by, why])).toEqual([
      [Action.FORCE_CLOSED, "development", "it answers again"],
      [Action.PAUSE, "development", "its quota is used up"],
    ]);
    expect(JSON.stringify(here.at.lines)).not.toContain("quota");
    const problem = await providers.pauseIntegration({ id: "other", why: "w" }).catch(problemFrom);
    expect(problem).toMatchObject({ reason: "NOT_FOUND", message: "There is no integration other here: there are primary, spare." });
  });

  it("lets keys of other environments than the first look, and change nothing", async () => {
    const { clients } = open();
    const foreign = clients(ProvidersService, "shop");
    expect((await foreign.listIntegrations({})).integrations).toHaveLength(2);
    const about = { id: "primary", why: "Mine." };
    for (const call of [
      foreign.pauseIntegration(about),
      foreign.resumeIntegration(about),
      foreign.setBreaker({ ...about, mode: BreakerMode.FORCED_OPEN }),
    ])
      expect(await call.catch(problemFrom)).toMatchObject({ reason: "PERMISSION_DENIED" });
    expect(await orders.newest("primary")).toEqual([]);
  });

  it.each([
    ["no reason why", { id: "spare", mode: BreakerMode.AUTO, why: "" }, "why"],
    ["no mode", { id: "spare", why: "w" }, "mode"],
  ])("refuses %s", async (_what, request, field) => {
    const problem = problemFrom(
      await open()
        .providers.setBreaker(request)
        .catch((error) => error),
    );
    expect(problem).toMatchObject({ reason: "INVALID_REQUEST", violations: [{ field }] });
  });
});

describe("an order that the breakers could not be told", () => {
  it("is refused with words that it is kept, and holds within a minute of when they are back", async () => {
    const { clock, logger, lines } = here.at;
    let isAway = true;
    const { order } = here.breakers;
    const away = new Problem("STORE_UNAVAILABLE", { retryAfterMs: 1_000 });
    here.breakers = { ...here.breakers, order: (...asked) => (isAway ? Promise.reject(away) : order(...asked)) };
    const { providers } = open();
    const problem = await providers.pauseIntegration({ id: "primary", why: "w" }).catch(problemFrom);
    expect(problem).toMatchObject({ reason: "STORE_UNAVAILABLE", message: expect.stringContaining("is kept"), retryAfterMs: 1_000 });
    expect(await providers.getIntegration({ id: "primary" })).toMatchObject({
      integration: { paused: false },
      orders: [{ action: Action.PAUSE }],
    });
    const stop = new AbortController();
    const telling = tellingOrders({ breakers: here.breakers, orders, clock, logger }).run(stop.signal);
    await vi.waitFor(() => expect(lines.filter(({ msg }) => msg === "orders of integrations wait to be told")).toHaveLength(1));
    isAway = false;
    await clock.advance(60_000);
    await vi.waitFor(async () => expect((await providers.getIntegration({ id: "primary" })).integration?.paused).toBe(true));
    stop.abort();
    await telling;
  });

  it("gives way to the one that takes it back, though neither was told when it was given", async () => {
    const { clock, logger } = here.at;
    const { breakers } = here;
    here.breakers = { ...breakers, order: () => Promise.reject(new Problem("STORE_UNAVAILABLE")) };
    const { providers } = open();
    for (const call of [providers.pauseIntegration, providers.resumeIntegration])
      expect(await call({ id: "primary", why: "w" }).catch(problemFrom)).toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await providers.setBreaker({ id: "spare", mode: BreakerMode.FORCED_OPEN, why: "w" }).catch(problemFrom);
    const stop = new AbortController();
    const telling = tellingOrders({ breakers, orders, clock, logger }).run(stop.signal);
    await vi.waitFor(async () => expect(await breakers.read(["primary", "spare"])).toMatchObject([{ paused: false }, { held: true }]));
    stop.abort();
    await telling;
  });

  it("for a fault of ours is refused as one", async () => {
    here.breakers = { ...here.breakers, order: () => Promise.reject(new Error("the script did not answer")) };
    const problem = await open().providers.pauseIntegration({ id: "primary", why: "w" }).catch(problemFrom);
    expect(problem).toMatchObject({ reason: "INTERNAL" });
  });
});

describe("an integration that is paused", () => {
  it("is passed over by what comes from then on, and goes on when it is resumed", async () => {
    const { route, sent, providers } = open();
    await run({ route });
    await providers.pauseIntegration({ id: "primary", why: "w" });
    await put(deliveryOf("a"));
    await until("a", SENT);
    await providers.resumeIntegration({ id: "primary", why: "w" });
    await put(deliveryOf("b"));
    await until("b", SENT);
    expect(sent).toEqual(["spare", "primary"]);
  });

  it("keeps what waits where there is no other, without using up an attempt, and says why", async () => {
    const { route, sent, providers } = open();
    await run({ route });
    for (const id of ["primary", "spare"]) await providers.pauseIntegration({ id, why: "w" });
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    await pass(60_000);
    await until("a", DEFERRED, 2);
    expect(await statuses("a")).toEqual(Array.from({ length: 2 }, () => [DEFERRED, "provider_paused", 0]));
    await providers.resumeIntegration({ id: "spare", why: "w" });
    await pass(600_000);
    await until("a", SENT);
    expect(sent).toEqual(["spare"]);
  });

  it("is known to be by the workers of other processes within a second", async () => {
    const { providers } = open();
    const [elsewhere] = open().route;
    const stop = new AbortController();
    void watching(here.breakers, [elsewhere.breaker], here.at.clock).run(stop.signal);
    await providers.pauseIntegration({ id: "primary", why: "w" });
    await here.at.clock.advance(1_000);
    expect([elsewhere.breaker.mayTry(), elsewhere.breaker.isPaused(), elsewhere.breaker.admit()]).toEqual([false, true, undefined]);
    await providers.resumeIntegration({ id: "primary", why: "w" });
    await here.at.clock.advance(1_000);
    expect(elsewhere.breaker.mayTry()).toBe(true);
    stop.abort();
  });
});

describe("a breaker that is held", () => {
  it("open keeps sends away until it is let go, and then one probe goes", async () => {
    const { route, sent, providers } = open();
    await run({ route });
    await providers.setBreaker({ id: "primary", mode: BreakerMode.FORCED_OPEN, why: "w" });
    await here.at.clock.advance(3_600_000);
    await put(deliveryOf("a"));
    await until("a", SENT);
    const { integration: told } = await providers.setBreaker({ id: "primary", mode: BreakerMode.AUTO, why: "w" });
    expect(told).toMatchObject({ phase: BreakerPhase.OPEN, mode: BreakerMode.AUTO });
    await put(deliveryOf("b"));
    await until("b", SENT);
    expect(sent).toEqual(["spare", "primary"]);
  });

  it("closed goes on sending, whatever fails", async () => {
    here.breakers = memoryBreakers({ clock: here.at.clock });
    const { route, providers } = open();
    await providers.setBreaker({ id: "primary", mode: BreakerMode.FORCED_CLOSED, why: "w" });
    const [{ breaker }] = route;
    for (let failure = 0; failure < 9; failure++) breaker.met("failure", (await breaker.admit()) as number);
    await here.at.clock.advance(0);
    expect(breaker.mayTry()).toBe(true);
    expect(here.changes).toEqual([]);
  });
});
