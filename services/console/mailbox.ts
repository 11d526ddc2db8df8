/**
 * The development mailbox: an SMTP server inside the process that delivers to nobody, and what it has taken.
 *
 * Listens on 127.0.0.1 only and asks for no password. Mails are kept raw and parsed when somebody reads them: taking one costs next to
 * nothing beside the pipeline that sends it. Bounded: the newest 1,000, 2 MiB each, 64 MiB in all.
 */
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { SMTPServer, type SMTPServerDataStream } from "smtp-server";
import { systemClock } from "#platform/clock.ts";
import { ConfigProblem } from "#platform/config/config.ts";
import { uuidv7 } from "#platform/uuid.ts";
import { type MailboxMessage, type RawMail, readMail } from "./message.ts";

const MOST_MAILS = 1_000;
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_BYTES_A_MAIL = 2 * 1024 * 1024;
/** Senders keep idle connections open; the end of the process does not wait for them. */
const CLOSE_MS = 500;

export interface Mailbox {
  port(): number;
  /** Newest first; `to` is one whole address, in any case. */
  messages(wanted?: { readonly limit?: number; readonly to?: string }): Promise<readonly MailboxMessage[]>;
  message(id: string): Promise<MailboxMessage | undefined>;
  /** Another after every change: who holds the same one has the same messages. */
  version(): string;
  empty(): void;
  close(): Promise<void>;
}

interface Kept extends RawMail {
  parsed?: Promise<MailboxMessage>;
}

export async function openMailbox({ port, logger }: { port: number; logger: Logger }): Promise<Mailbox> {
  const kept: Kept[] = [];
  let bytes = 0;
  let version = uuidv7(systemClock.nowMs());
  const changed = () => {
    version = uuidv7(systemClock.nowMs());
  };
  const keep = (mail: Kept) => {
    kept.push(mail);
    bytes += mail.raw.byteLength;
    while (kept.length > MOST_MAILS || bytes > MOST_BYTES) bytes -= (kept.shift() as Kept).raw.byteLength;
    changed();
  };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    logger: false,
    size: MOST_BYTES_A_MAIL,
    closeTimeout: CLOSE_MS,
    onData(stream, { envelope }, callback) {
      collect(stream, (raw) => {
        if (!raw) return callback(Object.assign(new Error("A mail is at most 2 MiB"), { responseCode: 552 }));
        const receivedAt = systemClock.nowMs();
        const from = envelope.mailFrom ? envelope.mailFrom.address : "";
        keep({ id: uuidv7(receivedAt), receivedAt, raw, from, to: envelope.rcptTo.map(({ address }) => address) });
        callback();
      });
    },
  });
  await listening(server, port);
  server.on("error", ({ message }) => logger.warn({ err: { message } }, "a connection to the mailbox failed"));
  const read = (mail: Kept) => (mail.parsed ??= readMail(mail));
  return {
    port: () => (server.server.address() as AddressInfo).port,
    messages({ limit = MOST_MAILS, to } = {}) {
      const address = to?.toLowerCase();
      const wanted = address === undefined ? kept : kept.filter((mail) => mail.to.some((each) => each.toLowerCase() === address));
      return Promise.all(wanted.slice(-limit).reverse().map(read));
    },
    async message(id) {
      const mail = kept.find((each) => each.id === id);
      return mail && read(mail);
    },
    version: () => version,
    empty() {
      kept.length = 0;
      bytes = 0;
      changed();
    },
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
