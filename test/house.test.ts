/** The house rules that no linter knows. Each test lists the places that break its rule; exceptions stand here, with their reason. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type DescService, getOption } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Scope, scope } from "#gen/carillon/access/v1/options_pb.ts";
import { readSources, type Source } from "./source.ts";

const sources = readSources();
const byPath = new Map(sources.map((source) => [source.path, source]));
const isTest = ({ path }: Source) => path.endsWith(".test.ts");
const isIn =
  (...folders: readonly string[]) =>
  (source: Source) =>
    folders.some((folder) => source.path.startsWith(`${folder}/`));
const isFixture = ({ path }: Source) => path.endsWith(".fixture.ts");
const isProduct = (source: Source) =>
  isIn("domain", "platform", "services", "gateway", "clients")(source) && !isTest(source) && !isFixture(source);
const product = sources.filter(isProduct);

const breaking = (files: readonly Source[], isBroken: (source: Source) => boolean | string | readonly string[]): string[] =>
  files.flatMap((source) => {
    const found = isBroken(source);
    if (typeof found === "boolean") return found ? [source.path] : [];
    return [found].flat().map((each) => `${source.path}: ${each}`);
  });

test("imports run one way: gen, domain, platform, rooms and gateway, the process", () => {
  // The place of a file: how high it stands, and which room it is, since a room never imports another.
  const placeOf = (path: string) => {
    const [top = "", second = "", ...deeper] = path.split("/");
    if (top === "services") return deeper.length > 0 ? { height: 3, room: second } : { height: 4, room: "" };
    return { height: { gen: 0, domain: 1, clients: 2, platform: 2, gateway: 3 }[top] ?? 5, room: top };
  };
  const broken = breaking(
    sources.filter((source) => isProduct(source) && !isIn("clients")(source)),
    ({ path, uses }) => {
      const here = placeOf(path);
      return uses.filter((use) => {
        const there = placeOf(use);
        return there.height > here.height || (there.height === 3 && here.height === 3 && there.room !== here.room);
      });
    },
  );
  expect(broken).toEqual([]);
});

test("clients import the contracts and the domain only", () => {
  const allowed = /^(gen|domain|clients)\//;
  expect(breaking(sources.filter(isIn("clients")), ({ uses }) => uses.filter((use) => !allowed.test(use)))).toEqual([]);
});

test("the domain runs in a browser: nothing of Node, nothing but small pure packages", () => {
  const allowed = /^(#gen\/|#domain\/|\.|@bufbuild\/protobuf(\/|$)|fastest-levenshtein$|html-to-text$)/;
  const domain = product.filter(isIn("domain"));
  expect(breaking(domain, ({ names }) => names.filter((name) => !allowed.test(name)))).toEqual([]);
  expect(breaking(domain, ({ code }) => /\b(Buffer|process|require|globalThis)\b\s*[.(]/.test(code))).toEqual([]);
});

test("what a file names is there, with its extension", () => {
  const isThere = (use: string) => byPath.has(use) || use.startsWith("gen/");
  expect(breaking(sources, ({ names }) => names.filter((name) => /^[.#]/.test(name) && !/(\.[a-z]+|\/|\.\.)$/.test(name)))).toEqual([]);
  expect(breaking(sources, ({ uses }) => uses.filter((use) => /\.(ts|mjs|js)$/.test(use) && !isThere(use)))).toEqual([]);
});

test("no file is dead: each is reached from an entry point, or is a port's suite or memory adapter that tests reach", () => {
  const reachable = (entries: readonly Source[]) => {
    const seen = new Set(entries.map(({ path }) => path));
    for (const path of seen) for (const use of byPath.get(path)?.uses ?? []) seen.add(use);
    return seen;
  };
  const entries = [
    "services/main.ts",
    "services/module.ts",
    "services/check-config.ts",
    "services/backup.ts",
    "services/tail.ts",
    "services/admin-key.ts",
    "clients/node/send.ts",
    "deploy/bootstrap.mjs",
    "deploy/generate.ts",
    "deploy/local/main.ts",
    "deploy/protoset.ts",
    "test/run.ts",
    "test/engines/setup.ts",
    "test/engines/runner.ts",
    "test/world/setup.ts",
    "test/world/remover.ts",
    "test/check.ts",
    "test/bench/run.ts",
    "test/simulation/run.ts",
  ];
  const fromEntries = reachable(sources.filter(({ path }) => entries.includes(path)));
  const fromTests = reachable(sources.filter(isTest));
  const forTests = (source: Source) => isIn("test")(source) || /\.(suite|memory|fixture)\.ts$/.test(source.path);
  // What a memory adapter is made of serves tests as it does.
  const fromAdapters = reachable(sources.filter(({ path }) => path.endsWith(".memory.ts") && fromTests.has(path)));
  const isAlive = (source: Source) =>
    isTest(source) || fromEntries.has(source.path) || fromAdapters.has(source.path) || (forTests(source) && fromTests.has(source.path));
  expect(breaking(sources, (source) => !isAlive(source))).toEqual([]);
});

test("nothing is exported that nobody outside needs", () => {
  const words = new Map(sources.map(({ path, code }) => [path, new Set(code.match(/\w+/g))]));
  const isNeeded = (path: string, name: string) => [...words].some(([other, said]) => other !== path && said.has(name));
  const exported = /^export (?:async )?(?:const|function\*?|class) (\w+)/gm;
  const broken = breaking(
    product.filter((source) => !isIn("clients")(source)),
    ({ path, code }) => [...code.matchAll(exported)].map((match) => match[1] as string).filter((name) => !isNeeded(path, name)),
  );
  expect(broken).toEqual([]);
});

test("a file stays short enough to read at once: 400 lines at most", () => {
  expect(breaking(sources, ({ lines }) => (lines > 400 ? `${lines} lines` : false))).toEqual([]);
});

test("a file opens by saying what it is for", () => {
  expect(breaking(product, ({ text }) => !text.startsWith("/**"))).toEqual([]);
});

test("links between the documents lead somewhere", () => {
  const documents = ["README.md", ...readdirSync("docs", { recursive: true, encoding: "utf8" }).map((name) => `docs/${name}`)];
  const dead = documents
    .filter((path) => path.endsWith(".md"))
    .flatMap((path) =>
      [...readFileSync(path, "utf8").matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map((match) => join(dirname(path), match[1] as string))
        .filter((target) => !existsSync(target))
        .map((target) => `${path}: ${target}`),
    );
  expect(dead).toEqual([]);
});

test("nothing unfinished lands", () => {
  expect(breaking(sources, ({ path, text }) => path !== "test/house.test.ts" && /\b(TODO|FIXME|XXX)\b/.test(text))).toEqual([]);
});

test("every method of every service says which scope it needs", async () => {
  const contracts = readdirSync("gen/carillon", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith("_pb.ts"));
  const generated = await Promise.all(contracts.map((name) => import(new URL(`../gen/carillon/${name}`, import.meta.url).href)));
  const services = generated.flatMap((made) => Object.values(made as Record<string, DescService>).filter(({ kind }) => kind === "service"));
  expect(services.length).toBeGreaterThan(0);
  const silent = services.flatMap(({ methods }) => methods).filter((method) => getOption(method, scope) === Scope.UNSPECIFIED);
  expect(silent.map(({ parent, name }) => `${parent.typeName}.${name}`)).toEqual([]);
});

test("the environment is read in one place", () => {
  const mayRead = /^(platform\/config\/|services\/(main|backup|tail|admin-key)\.ts$|deploy\/|test\/)/;
  expect(breaking(sources, ({ path, code }) => !mayRead.test(path) && /\bprocess\.env\b/.test(code))).toEqual([]);
});

test("time and chance come through ports (a stopwatch for metrics decides nothing)", () => {
  /** Why each may look at the clock or set a timer by itself. */
  const exceptions: Readonly<Record<string, string>> = {
    "services/main.ts": "the last resort when draining hangs must not depend on anything",
  };
  const own = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bset(Timeout|Interval)\(/;
  const bound = [...product.filter(isIn("domain", "services", "gateway")), ...product.filter(isIn("platform/stage"))];
  expect(breaking(bound, ({ path, code }) => !(path in exceptions) && own.test(code))).toEqual([]);
});

test("OpenTelemetry's SDK is loaded only where tracing is configured", () => {
  const adapter = "platform/telemetry/otlp.ts";
  expect(breaking(product, ({ path, names }) => path !== adapter && names.some((name) => name.startsWith("@opentelemetry/")))).toEqual([]);
  const users = product.filter(({ uses }) => uses.includes(adapter));
  expect(breaking(users, ({ code }) => !/await import\("#platform\/telemetry\/otlp\.ts"\)/.test(code))).toEqual([]);
  expect(users).toHaveLength(1);
});

test("SQL lives in .sql files", () => {
  /** Why each may hold a statement. */
  const exceptions: Readonly<Record<string, string>> = {
    "platform/sqlite/statements.ts": "it reads the .sql files, and keeps the table that says which of them a database has seen",
  };
  const sql =
    /\b(SELECT\s[^;"`]*\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(TABLE|(UNIQUE\s+)?INDEX)\s)/;
  expect(breaking(product, ({ path, code }) => !(path in exceptions) && sql.test(code))).toEqual([]);
});
