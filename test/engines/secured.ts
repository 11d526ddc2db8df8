/** Engines that speak TLS, with a certificate that nobody vouches for: MariaDB and Kafka themselves, others by a front. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { fileURLToPath } from "node:url";
import { type EnginePlan, startProcess } from "../../deploy/local/engine.ts";
import { obtainKafka, planKafka } from "../../deploy/local/kafka.ts";
import { obtainMariadb, planMariadb } from "../../deploy/local/mariadb.ts";
import { rememberPorts } from "../../deploy/local/port.ts";
import { removeAfterwards } from "./remove-after.ts";

const fileOf = (name: string) => fileURLToPath(new URL(`../fakes/tls/${name}.pem`, import.meta.url));
/** For localhost and 127.0.0.1; the other one is valid for elsewhere.test alone. */
export const cert = readFileSync(fileOf("cert"), "utf8");
export const elsewhere = readFileSync(fileOf("elsewhere-cert"), "utf8");
const key = readFileSync(fileOf("key"), "utf8");
const silent = { info: () => {}, warn: () => {} };

interface Secured {
  readonly port: number;
  stop(): Promise<void>;
}

export const securedMariadb = (certificate: "cert" | "elsewhere-cert" = "cert"): Promise<Secured> =>
  alone(async (folder, ports) => {
    const [plan] = await planMariadb(obtainMariadb(silent), folder, ports);
    if (!plan) throw new Error("no plan");
    return { ...plan, args: [...plan.args, `--ssl-cert=${fileOf(certificate)}`, `--ssl-key=${fileOf("key")}`] };
  });

/** At its own port without TLS, at this one with it. */
export const securedKafka = (): Promise<Secured> =>
  alone(async (folder, ports) => {
    const [plan] = await planKafka(await obtainKafka(silent), folder, 1, ports);
    if (!plan) throw new Error("no plan");
    const port = await ports.take("kafka-tls");
    const file = join(plan.dir, "server.properties");
    writeFileSync(join(plan.dir, "key-and-cert.pem"), key + cert);
    const secured = readFileSync(file, "utf8")
      .replace(/^(listeners=.*)$/m, `$1,SSL://127.0.0.1:${port}`)
      .replace(/^(advertised.listeners=.*)$/m, `$1,SSL://127.0.0.1:${port}`)
      .replace(/^(listener.security.protocol.map=.*)$/m, "$1,SSL:SSL");
    writeFileSync(file, `${secured}ssl.keystore.type=PEM\nssl.keystore.location=${join(plan.dir, "key-and-cert.pem")}\n`);
    return { ...plan, port };
  });

/** In front of a server that knows no TLS. */
export async function securedFront(target: { readonly host: string; readonly port: number }): Promise<Secured> {
  const server = createServer({ cert, key }, (near) => {
    const far = createConnection(target);
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
    near.pipe(far).pipe(near);
  });
  // Who does not trust it hangs up in the middle of the handshake.
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function alone(planOf: (folder: string, ports: ReturnType<typeof rememberPorts>) => Promise<EnginePlan>): Promise<Secured> {
  const folder = mkdtempSync(join(tmpdir(), "carillon-secured-"));
  removeAfterwards(folder);
  const plan = await planOf(folder, rememberPorts(join(folder, "ports.json")));
  const running = await startProcess(plan, AbortSignal.timeout(120_000));
  return {
    port: plan.port,
    async stop() {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
