/**
 * The development mailbox: an SMTP server inside the process that delivers to nobody, and puts what it takes into a box.
 *
 * Listens on 127.0.0.1 only and asks for no password. A mail is at most 2 MiB. The simulator's addresses answer as a provider might.
 */
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { SMTPServer, type SMTPServerDataStream } from "smtp-server";
import { simulatedReply } from "#domain/channels/simulator.ts";
import { ConfigProblem } from "#platform/config/config.ts";
import type { Box } from "./box.ts";

const MOST_BYTES_A_MAIL = 2 * 1024 * 1024;
/** Senders keep idle connections open; the end of the process does not wait for them. */
const CLOSE_MS = 500;

export interface Mailbox {
  port(): number;
  close(): Promise<void>;
}

export async function openMailbox({ port, box, logger }: { port: number; box: Box; logger: Logger }): Promise<Mailbox> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    logger: false,
    size: MOST_BYTES_A_MAIL,
    closeTimeout: CLOSE_MS,
    onRcptTo({ address }, _session, callback) {
      const reply = simulatedReply(address);
      if (!reply) return callback();
      callback(Object.assign(new Error(reply.text), { responseCode: reply.code }));
    },
    onData(stream, { envelope }, callback) {
      collect(stream, (raw) => {
        if (!raw) return callback(Object.assign(new Error("A mail is at most 2 MiB"), { responseCode: 552 }));
        const from = envelope.mailFrom ? envelope.mailFrom.address : "";
        box.keep({ raw, from, to: envelope.rcptTo.map(({ address }) => address) }).then(
          () => callback(),
          (error) => {
            logger.warn({ err: error }, "the mailbox could not keep a mail");
            // Nothing is said against the mail: who sends tries again.
            callback(Object.assign(new Error("4.3.2 The mailbox cannot keep mails now"), { responseCode: 421 }));
          },
        );
      });
    },
  });
  await listening(server, port);
  server.on("error", ({ message }) => logger.warn({ err: { message } }, "a connection to the mailbox failed"));
  return {
    port: () => (server.server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Undefined where it was too large; what comes after the bound is not kept. */
function collect(stream: SMTPServerDataStream, done: (raw: Buffer | undefined) => void): void {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => {
    if (!stream.sizeExceeded) chunks.push(chunk);
  });
  stream.on("end", () => done(stream.sizeExceeded ? undefined : Buffer.concat(chunks)));
}

function listening(server: SMTPServer, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      reject(
        isTaken ? new ConfigProblem([`The mailbox's port ${port} is taken. Set CARILLON_SMTP_SINK_PORT to another, or to 0.`]) : error,
      );
    };
    server.once("error", failed);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", failed);
      resolve();
    });
  });
}
