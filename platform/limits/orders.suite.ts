/** What every Orders holds to. `open` answers an empty store each time. */
import { describe, expect, it } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { memoryBreakers } from "./breaker.memory.ts";
import { type Order, type Orders, orderAgain } from "./orders.ts";

export function ordersSuite(name: string, open: () => Promise<Orders>): void {
  const order = (is: Order["is"], more: Partial<Order> = {}): Order => ({ is, by: "ck_live_1", why: "w", atMs: 5, ...more });

  describe(`orders of integrations in ${name}`, () => {
    it("are kept with who gave them, why and when, the newest first, and not without end", async () => {
      const orders = await open();
      expect(await orders.newest("a")).toEqual([]);
      const [pause, resume] = [order("pause", { why: "its status page says so,\n\u{1f6d1} until noon" }), order("resume", { atMs: 4 })];
      for (const each of [pause, resume]) await orders.keep("a", each);
      expect(await orders.newest("a")).toEqual([resume, pause]);
      for (let more = 0; more < 60; more++) await orders.keep("a", order("auto", { why: String(more) }));
      const kept = await orders.newest("a");
      expect([kept.length, kept[0]?.why, kept.at(-1)?.why]).toEqual([50, "59", "10"]);
      expect(await orders.newest("b")).toEqual([]);
    });

    it("of each kind the last one holds, however many of the other kind came after it", async () => {
      const orders = await open();
      await orders.keep("a", order("open"));
      const [hold, first] = await orders.keep("a", order("pause"));
      expect([hold?.is, first?.is]).toEqual(["open", "pause"]);
      expect(first?.number).toBeGreaterThan(hold?.number as number);
      for (let more = 0; more < 60; more++) await orders.keep("a", order("auto"));
      await orders.keep("b", order("closed"));
      expect((await orders.standing()).map(({ integration, standing }) => [integration, standing.map(({ is }) => is)])).toEqual([
        ["a", ["pause", "auto"]],
        ["b", ["closed"]],
      ]);
    });

    it("are all kept when they come at the same moment, and one of them is the last", async () => {
      const orders = await open();
      const each = Array.from({ length: 10 }, (_, at) => order(at % 2 === 0 ? "pause" : "resume", { why: String(at) }));
      const told = (await Promise.all(each.map((one) => orders.keep("a", one)))).flat();
      const [last] = await orders.standing();
      expect(last?.standing).toHaveLength(1);
      expect(last?.standing[0]?.number).toBe(Math.max(...told.map(({ number }) => number)));
      expect(await orders.newest("a")).toHaveLength(10);
    });

    it("are what a breaker that was lost is told again", async () => {
      const orders = await open();
      await orders.keep("a", order("closed"));
      await orders.keep("a", order("pause"));
      await orders.keep("b", order("pause"));
      await orders.keep("b", order("resume"));
      const breakers = memoryBreakers({ clock: systemClock });
      await orderAgain(breakers, orders);
      await orderAgain(breakers, orders);
      expect(await breakers.read(["a", "b", "c"])).toMatchObject([
        { paused: true, held: true, phase: "closed", generation: 1 },
        { paused: false, held: false },
        { paused: false, held: false },
      ]);
    });
  });
}
