/**
 * Mails a second over SMTP to a server on this machine: the whole pipeline (accepted, decided with the person's preferences, leased, sent,
 * recorded) beside nodemailer alone with as many connections and the same mails.
 */
import nodemailer from "nodemailer";
import { startWorld } from "../world/world.ts";
import { withServer } from "./children.ts";
import { run } from "./load.ts";
import { batchOf, one, portOf, quiet, tracked } from "./rates.ts";

const MAILS = 10_000;
const WARM_UP = 2_000;
const CONNECTIONS = 20;
const sink = new URL("./sink.ts", import.meta.url);

export const mailRates = async (): Promise<{ ours: number; peer: number }> => ({
  peer: await withServer(sink, nodemailerRate),
  ours: await withServer(sink, pipelineOverSmtp),
});

async function nodemailerRate(port: number): Promise<number> {
  const transport = nodemailer.createTransport({ host: "127.0.0.1", port, pool: true, maxConnections: CONNECTIONS, ignoreTLS: true });
  const send = (n: number) => {
    const { recipients, content } = one(n);
    return transport.sendMail({
      from: "Carillon <notifications@carillon.localhost>",
      to: recipients.map(({ email }) => email),
      subject: content.title,
      text: content.body,
    });
  };
  const many = async (count: number) => {
    let next = 0;
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        while (next < count) await send(next++);
      }),
    );
  };
  await many(WARM_UP);
  const startedMs = performance.now();
  await many(MAILS);
  const ms = performance.now() - startedMs;
  transport.close();
  return MAILS / (ms / 1_000);
}

async function pipelineOverSmtp(port: number): Promise<number> {
  const world = await startWorld({
    env: {
      ...{ CARILLON_LOG_LEVEL: quiet.CARILLON_LOG_LEVEL, CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(port) },
      CARILLON_EMAIL_CONCURRENCY: String(CONNECTIONS),
    },
  });
  try {
    const path = "/carillon.ingest.v1.IngestService/SendBatch";
    const load = { port: portOf(world), path, contentType: "application/proto", body: batchOf(100), connections: 2 };
    await run({ ...load, requests: WARM_UP / 100 });
    await tracked(world.url, WARM_UP);
    const startedMs = performance.now();
    await run({ ...load, requests: MAILS / 100 });
    await tracked(world.url, WARM_UP + MAILS);
    return MAILS / ((performance.now() - startedMs) / 1_000);
  } finally {
    await world.stop();
  }
}
