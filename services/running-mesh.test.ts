import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { meshOn, tellOfMesh } from "./running-mesh.ts";

function directory(): string {
  const folder = mkdtempSync(join(tmpdir(), "carillon-running-mesh-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
const settings = { CARILLON_ADAPTERS: "mesh", CARILLON_KAFKA_BROKERS: "127.0.0.1:9092" };

it("a mesh is known by its data directory while it runs, to its owner only", () => {
  const folder = directory();
  expect(meshOn(folder)).toBeUndefined();
  const untell = tellOfMesh(folder, settings);
  expect(meshOn(folder)).toEqual(settings);
  expect(statSync(join(folder, "mesh.json")).mode & 0o777).toBe(0o600);
  untell();
  expect(meshOn(folder)).toBeUndefined();
});

it("one that was killed is not taken for one that runs", () => {
  const folder = directory();
  tellOfMesh(folder, settings);
  const file = join(folder, "mesh.json");
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), pid }));
  expect(meshOn(folder)).toBeUndefined();
});
