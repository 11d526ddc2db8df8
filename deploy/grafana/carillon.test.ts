/** The dashboard as a file: that Grafana can take it. What it asks for is held to a running process in test/behaviour/metrics.test.ts. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: Place;
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly datasource: { readonly uid: string } }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

const { uid, title, schemaVersion, panels, templating } = JSON.parse(
  readFileSync(new URL("./carillon.json", import.meta.url), "utf8"),
) as Dashboard;
const overlap = (one: Place, other: Place) =>
  one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h;

describe("the dashboard", () => {
  it("has a name, and a row for every part of the way", () => {
    expect([uid, title, schemaVersion]).toEqual(["carillon", "Carillon", 39]);
    expect(panels.flatMap((panel) => (panel.type === "row" ? [panel.title] : []))).toEqual([
      "Overview",
      "The way of a notification, by stage",
      "Delivery and providers",
      "RPC and REST",
      "Gateway and inbox",
      "Process",
    ]);
  });

  it("asks whichever data source and instances the reader picks", () => {
    expect(templating.list.map(({ name }) => name)).toEqual(["datasource", "instance"]);
    const asked = panels
      .filter(({ type }) => type !== "row")
      .flatMap(({ datasource, targets = [] }) => [datasource, ...targets.map((each) => each.datasource)]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana
    expect(new Set(asked.map((each) => each?.uid))).toEqual(new Set(["${datasource}"]));
  });

  it("numbers its panels and queries once each, and lays them side by side", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { targets = [] } of panels) expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    const crossing = panels.flatMap((one, index) =>
      panels.slice(index + 1).flatMap((other) => (overlap(one.gridPos, other.gridPos) ? [`${one.title} and ${other.title}`] : [])),
    );
    expect(crossing).toEqual([]);
  });
});
