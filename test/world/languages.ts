/**
 * Programs of other languages: clients, for tests that speak to a world as their users do (grpcurl by Go, and a Python client generated from
 * proto/), and the library by which Docker Compose reads files.
 *
 * Each is made once, at its pinned version, into node_modules/.cache, from the languages' own package registries; that can take minutes.
 */
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const root = new URL("../..", import.meta.url).pathname;
const cache = join(root, "node_modules/.cache/carillon");

const GRPCURL = "1.9.4";
const GRPCIO = "1.85.1";

/** How long making one may take. */
export const MAKING_MS = 900_000;

const runs = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

/** Why there is nothing that Go builds on this machine, if there is not. */
export const noGo = runs("go", "version")
  ? undefined
  : "what is built with Go: install Go 1.25 or later (https://go.dev/dl, or your package manager's golang)";

/** Why there is no Python client on this machine, if there is not. */
export const noPython = runs("python3", "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))")
  ? undefined
  : "a Python client: install Python 3.10 or later with venv (your package manager's python3 and python3-venv)";

/** The path of grpcurl. */
export async function grpcurl(): Promise<string> {
  const folder = join(cache, `grpcurl-${GRPCURL}`);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    // Beside its place first, so that what was cut off does not count.
    const making = mkdtempSync(`${folder}-`);
    await run("go", ["install", `github.com/fullstorydev/grpcurl/cmd/grpcurl@v${GRPCURL}`], { GOBIN: making });
    renameSync(making, folder);
  }
  return join(folder, "grpcurl");
}

/** The path of the program in deploy/compose/check. */
export async function composeCheck(): Promise<string> {
  const source = join(root, "deploy/compose/check");
  const hash = createHash("sha256");
  for (const name of ["go.sum", "main.go"]) hash.update(readFileSync(join(source, name)));
  const program = join(cache, `compose-check-${hash.digest("hex").slice(0, 16)}`);
  if (!existsSync(program)) {
    mkdirSync(cache, { recursive: true });
    const making = `${program}-${process.pid}`;
    await run("go", ["-C", source, "build", "-o", making, "."]);
    renameSync(making, program);
  }
  return program;
}

export interface PythonClient {
  /** A Python that has grpcio. */
  readonly python: string;
  /** A folder with what is generated from today's proto/; its user removes it. */
  readonly generated: string;
}

export async function pythonClient(): Promise<PythonClient> {
  const folder = join(cache, `grpcio-${GRPCIO}`);
  const python = join(folder, "bin/python");
  // A venv knows its own path, so it is made where it stays.
  if (!existsSync(join(folder, "made"))) {
    rmSync(folder, { recursive: true, force: true });
    await run("python3", ["-m", "venv", folder]);
    const packages = ["grpcio", "grpcio-tools", "grpcio-status"].map((name) => `${name}==${GRPCIO}`);
    await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages]);
    mkdirSync(join(folder, "made"));
  }
  const generated = mkdtempSync(join(cache, "python-"));
  const contracts = (under: string) =>
    readdirSync(join(root, under), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".proto"));
  await run(python, [
    ...["-m", "grpc_tools.protoc", "-Iproto", "-Ivendor-proto", `--python_out=${generated}`, `--grpc_python_out=${generated}`],
    ...contracts("proto"),
    // The others come with Python's own packages.
    ...contracts("vendor-proto").filter((name) => name.startsWith("buf/")),
  ]);
  return { python, generated };
}

async function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  await promisify(execFile)(command, args, { cwd: root, env: { ...process.env, ...env }, timeout: MAKING_MS });
}
