/**
 * Mails a second over SMTP to a server on this machine: the whole pipeline (accepted, decided with the person's preferences, leased, sent,
 * recorded) beside nodemailer alone with as many connections, the same mails and the same server. By turns, since the machine may be shared:
 * what disturbs one disturbs the other.
 */
import nodemailer from "nodemailer";
import { startWorld, type World } from "../world/world.ts";
import { withServer } from "./children.ts";
import { run } from "./load.ts";
import { batchOf, one, portOf, quiet, tracked } from "./rates.ts";

const ROUNDS = 5;
const MAILS = 4_000;
const WARM_UP = 4_000;
const CONNECTIONS = 20;
const sink = new URL("./sink.ts", import.meta.url);

/** The medians of the rounds. */
export const mailRates = (): Promise<{ ours: number; peer: number }> =>
  withServer(sink, async (port) => {
    const transport = nodemailer.createTransport({ host: "127.0.0.1", port, pool: true, maxConnections: CONNECTIONS, ignoreTLS: true });
    const world = await startWorld({
      env: {
        ...{
          CARILLON_LOG_LEVEL: quiet.CARILLON_LOG_LEVEL,
          CARILLON_EMAIL_SMTP_HOST: "127.0.0.1",
          CARILLON_EMAIL_RATE: "none",
          CARILLON_EMAIL_SMTP_PORT: String(port),
        },
        CARILLON_EMAIL_CONCURRENCY: String(CONNECTIONS),
      },
    });
    try {
      const ours = throughThePipeline(world);
      const peer = byNodemailer(transport);
      await ours(WARM_UP);
      await peer(WARM_UP);
      const rates = { ours: [] as number[], peer: [] as number[] };
      for (let round = 0; round < ROUNDS; round++) {
        rates.peer.push(await rate(peer));
        rates.ours.push(await rate(ours));
      }
      return { ours: median(rates.ours), peer: median(rates.peer) };
    } finally {
      transport.close();
      await world.stop();
    }
  });

type Send = (count: number) => Promise<void>;

async function rate(send: Send): Promise<number> {
  const startedMs = performance.now();
  await send(MAILS);
  return MAILS / ((performance.now() - startedMs) / 1_000);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

const byNodemailer =
  (transport: { sendMail(mail: object): Promise<unknown> }): Send =>
  async (count) => {
    let next = 0;
    const send = () => {
      const { recipients, content } = one(next++);
      return transport.sendMail({
        from: "Carillon <notifications@carillon.localhost>",
        to: recipients.map(({ email }) => email),
        subject: content.title,
        text: content.body,
      });
    };
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        while (next < count) await send();
      }),
    );
  };

function throughThePipeline(world: World): Send {
  const path = "/carillon.ingest.v1.IngestService/SendBatch";
  const load = { port: portOf(world), path, contentType: "application/proto", body: batchOf(100), connections: 2 };
  let sent = 0;
  return async (count) => {
    sent += count;
    await run({ ...load, requests: count / 100 });
    await tracked(world.url, sent);
  };
}
