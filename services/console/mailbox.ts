/**
 * The development mailbox: an SMTP server inside the process that delivers to nobody, and what it has taken.
 *
 * Mails are kept raw and parsed when somebody reads them. Bounded: the newest 1,000, 2 MiB each, 64 MiB in all.
 */
import type { AddressInfo } from "node:net";
import PostalMime from "postal-mime";
import type { Logger } from "pino";
import { SMTPServer } from "smtp-server";
import { systemClock } from "#platform/clock.ts";

export interface MailboxMessage {
  readonly id: string;
  readonly receivedAt: number;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Mailbox {
  port(): number;
  /** Newest first. */
  messages(limit?: number): Promise<readonly MailboxMessage[]>;
  empty(): void;
  close(): Promise<void>;
}

const MOST_MAILS = 1_000;
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_BYTES_A_MAIL = 2 * 1024 * 1024;

interface Kept {
  readonly id: string;
  readonly receivedAt: number;
  readonly raw: Buffer;
  readonly from: string;
  readonly to: readonly string[];
  parsed?: Promise<MailboxMessage>;
}

export async function openMailbox({ port, logger }: { port: number; logger: Logger }): Promise<Mailbox> {
  const kept: Kept[] = [];
  let bytes = 0;
  let taken = 0;
  const keep = (mail: Kept) => {
    kept.push(mail);
    bytes += mail.raw.byteLength;
    while (kept.length > MOST_MAILS || bytes > MOST_BYTES) bytes -= (kept.shift() as Kept).raw.byteLength;
  };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    logger: false,
    size: MOST_BYTES_A_MAIL,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => {
        if (!stream.sizeExceeded) chunks.push(chunk);
      });
      stream.on("end", () => {
        if (stream.sizeExceeded) return callback(Object.assign(new Error("Message too large"), { responseCode: 552 }));
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom ? mailFrom.address : "";
        const to = rcptTo.map(({ address }) => address);
        keep({ id: String(++taken), receivedAt: systemClock.nowMs(), raw: Buffer.concat(chunks), from, to });
        callback();
      });
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new Error(`Port ${port} for the mailbox is taken. Set CARILLON_SMTP_SINK_PORT to another, or to 0.`) : error),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  server.on("error", (error) => logger.warn({ err: { message: error.message } }, "mailbox connection failed"));
  return {
    port: () => (server.server.address() as AddressInfo).port,
    messages: (limit = MOST_MAILS) =>
      Promise.all(
        kept
          .slice(-limit)
          .reverse()
          .map((mail) => (mail.parsed ??= parse(mail))),
      ),
    empty() {
      kept.length = 0;
      bytes = 0;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function parse({ id, receivedAt, raw, from, to }: Kept): Promise<MailboxMessage> {
  const mail = await PostalMime.parse(raw);
  const headers = Object.fromEntries(mail.headers.map(({ key, value }) => [key, value]));
  const { subject = "", text = "", html = "" } = mail;
  return { id, receivedAt, from: headers.from ?? from, to, subject, text, html, headers };
}
