import { Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { counter, gauge, lookUp } from "./metric.ts";

const registry = new Registry();
afterEach(() => registry.clear());

const things = counter({ name: "carillon_test_things_total", help: "Things.", labels: { kind: "a, b" } });
const depth = gauge({ name: "carillon_test_depth", help: "Depth.", labels: { lake: "each" } });
const height = gauge({ name: "carillon_test_height", help: "Height.", labels: {} });

describe("a declared metric", () => {
  it("is one on each registry, whoever asks for it", async () => {
    things.on(registry).inc({ kind: "a" });
    things.on(registry).inc({ kind: "a" });
    expect(await registry.metrics()).toContain('carillon_test_things_total{kind="a"} 2');
    expect(await new Registry().metrics()).not.toContain("carillon_test_things_total");
  });

  it("cannot be declared twice", () => {
    expect(() => counter({ name: "carillon_test_things_total", help: "Others.", labels: {} })).toThrow("declared twice");
  });
});

describe("a gauge that is looked up", () => {
  it("shows what each of those who look finds now, and no more what was there before", async () => {
    let lakes = ["Como", "Garda"];
    lookUp(depth, registry, () => lakes.map((lake) => ({ labels: { lake }, value: 100 })));
    lookUp(depth, registry, async () => [{ labels: { lake: "Iseo" }, value: 250 }]);
    expect((await registry.metrics()).match(/lake="\w+"/g)).toEqual(['lake="Como"', 'lake="Garda"', 'lake="Iseo"']);
    lakes = ["Garda"];
    expect((await registry.metrics()).match(/lake="\w+"/g)).toEqual(['lake="Garda"', 'lake="Iseo"']);
  });

  it("says nothing, rather than 0, of what cannot be found; the others are shown all the same", async () => {
    lookUp(height, registry, () => Promise.reject(new Error("fog")));
    lookUp(depth, registry, () => {
      throw new Error("mud");
    });
    lookUp(depth, registry, () => [{ labels: { lake: "Iseo" }, value: 250 }]);
    const page = await registry.metrics();
    expect(page).toContain('carillon_test_depth{lake="Iseo"} 250');
    expect(page).not.toMatch(/^carillon_test_height/m);
  });
});
