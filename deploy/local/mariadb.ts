/**
 * MariaDB in MySQL's place: the part of SQL that both speak. Its user root has no password and may come from this machine only.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { type EngineLog, type EnginePlan, runStep } from "./engine.ts";
import type { Ports } from "./port.ts";
import { ProgramMissing } from "./problem.ts";
import { findProgram, obtainProgram } from "./program.ts";

export interface MariadbProgram {
  readonly server: string;
  readonly install: string;
}

export function obtainMariadb(logger: EngineLog): MariadbProgram {
  const server = obtainProgram(
    {
      title: "MariaDB",
      program: "mariadbd",
      // SKIP LOCKED.
      oldest: [10, 6],
      version: /\bVer (\d+)\.(\d+)\.\d+-MariaDB/,
      aptPackage: "mariadb-server",
      brewFormula: "mariadb",
    },
    logger,
  );
  const install = findProgram("mariadb-install-db");
  if (install === undefined) throw new ProgramMissing(`MariaDB's mariadb-install-db is not on this machine, though ${server} is.`);
  return { server, install };
}

export async function planMariadb(program: MariadbProgram, dir: string, ports: Ports): Promise<readonly EnginePlan[]> {
  const port = await ports.take("mariadb");
  const data = join(dir, "data");
  await install(program, dir, data);
  const args = [
    ...["--no-defaults", `--datadir=${data}`, `--port=${port}`, "--bind-address=127.0.0.1", ...asRoot()],
    // From its data directory, since the path of a socket may have about a hundred characters.
    ...["--socket=mariadb.sock", `--pid-file=${join(dir, "mariadbd.pid")}`],
    // As MySQL 8 has them by itself.
    ...["--character-set-server=utf8mb4", "--collation-server=utf8mb4_unicode_520_ci"],
    ...["--default-time-zone=+00:00", "--max-connections=500", "--innodb-buffer-pool-size=128M"],
  ];
  return [
    { name: "mariadb", dir, command: program.server, args, port, ports: [port], ask: () => askMysql(`mysql://root@127.0.0.1:${port}`) },
  ];
}

/** It refuses to run as root unless told to. */
const asRoot = (): readonly string[] => (process.getuid?.() === 0 ? ["--user=root"] : []);

/** Made beside its place and then moved there, so that a start that was cut off leaves nothing half done. */
async function install(program: MariadbProgram, dir: string, data: string): Promise<void> {
  if (existsSync(data)) return;
  const fresh = join(dir, "data.new");
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const args = ["--no-defaults", `--datadir=${fresh}`, "--auth-root-authentication-method=normal", "--skip-test-db", ...asRoot()];
  await runStep({ name: "mariadb-install", dir, command: program.install, args });
  renameSync(fresh, data);
}

/** Throws unless MySQL or MariaDB answers a query there. */
/** The server, not the database that the address may name: the services make it. */
export async function askMysql(address: string): Promise<void> {
  const server = new URL(address);
  server.pathname = "";
  const connection = await createConnection({ uri: server.href, connectTimeout: 2_000 });
  try {
    await connection.query({ sql: "SELECT 1", timeout: 2_000 });
  } finally {
    connection.destroy();
  }
}
