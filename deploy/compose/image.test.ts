/** The image by its Dockerfile: what is in it, and that what it starts is Carillon. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder } from "./file.fixture.ts";
import { buildImage, type Image } from "./image.fixture.ts";

/** npm ci, from a registry where there is no cache. */
const BUILDING_MS = 300_000;

let image: Image;
beforeAll(() => {
  image = buildImage();
}, BUILDING_MS);
afterAll(() => image?.remove(), BUILDING_MS);

const run = (args: readonly string[], env: Readonly<Record<string, string>>) => {
  const [command = "", ...more] = [...image.entrypoint, ...args];
  const started = spawnSync(command, more, {
    cwd: image.workdir,
    encoding: "utf8",
    env: { PATH: process.env.PATH, ...image.env, ...env },
    timeout: 50_000,
  });
  return { code: started.status, said: started.stderr };
};

describe("the image", () => {
  it("holds what production needs: no tests, no development packages, nobody's secrets or data", () => {
    const names = readdirSync(image.workdir, { recursive: true, encoding: "utf8" }).filter((name) => !name.startsWith("node_modules"));
    expect(names.filter((name) => /\.(test|suite|fixture)\.ts$|\.env$|\.carillon|secrets/.test(name))).toEqual([]);
    expect(names).toContain("deploy/compose/ready.sh");
    expect(names).toContain("clients/browser/carillon-bell.js");
    for (const name of ["vitest", "typescript", "@biomejs"])
      expect(existsSync(join(image.workdir, "node_modules", name)), name).toBe(false);
    expect(existsSync(join(image.workdir, "node_modules/kafkajs"))).toBe(true);
  });

  it("is run by a user who is not root, and starts Carillon itself, so that signals reach it", () => {
    expect(image.user).toBe("node");
    expect(image.entrypoint[0]).toBe("node");
    expect(image.env.NODE_ENV).toBe("production");
  });

  it.each([
    [["rooter"], {}, "There is no module rooter; there are ingest, router,"],
    [["router"], { CARILLON_ADAPTERS: "mesh" }, "CARILLON_SERVICE_SECRET must be set, the same for all processes"],
  ])(
    "started with %j and %j ends with a sentence",
    (args, env, sentence) => {
      const { code, said } = run(args, env);
      expect(said).toContain(sentence);
      expect(code).toBe(1);
    },
    60_000,
  );
});

describe("ready.sh", () => {
  const ask = (port: number) => {
    const { status, stdout } = spawnSync(join(folder, "ready.sh"), [String(port)], { encoding: "utf8" });
    return { isReady: status === 0, said: stdout };
  };

  it("can be executed", () => {
    expect(statSync(join(image.workdir, "deploy/compose/ready.sh")).mode & 0o111).toBe(0o111);
  });

  it("says no where nobody listens", () => {
    expect(ask(1).isReady).toBe(false);
  });
});
