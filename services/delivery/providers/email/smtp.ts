/**
 * Email over SMTP: a pool of connections to one server.
 *
 * One thing is noted on the way of each message: when the connection has read it to its end, just before the dot that ends it on the wire.
 * From then on a broken connection or our deadline leaves it open whether the message was taken; before, nothing can have been sent.
 */
import nodemailer from "nodemailer";
import type { Outcome, Sender } from "../../sender.ts";
import { classify, type SmtpError } from "./classify.ts";
import { optionsOf } from "./options.ts";

/**
 * How the connection is encrypted.
 * - opportunistic: STARTTLS when the server offers it, with whatever certificate it has (RFC 7435): better than nothing.
 * - required: STARTTLS with a valid certificate, or no mail. - implicit: TLS from the first byte (port 465). - off: never.
 */
export type SmtpTls = "opportunistic" | "required" | "implicit" | "off";

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  readonly tls: SmtpTls;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Connections at the same time, at most. */
  readonly connections: number;
}

const tlsOptions = {
  opportunistic: { tls: { rejectUnauthorized: false } },
  required: { requireTLS: true },
  implicit: { secure: true },
  off: { ignoreTLS: true },
} as const;

const CONNECT_MS = 8_000;
/** Above the deadline of a send: it only ends what nobody waits for any more. */
const SILENCE_MS = 15_000;

interface Sending {
  readonly handOver?: () => void;
}

export function smtpSender({ host, port, tls, credentials, connections }: SmtpServer): Sender {
  const transport = nodemailer.createTransport({
    ...{ pool: true, host, port, maxConnections: connections, maxRequeues: 2 },
    ...{ connectionTimeout: CONNECT_MS, greetingTimeout: CONNECT_MS, dnsTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
    // What an aborted send has not written by then must not trickle out afterwards.
    socketCloseTimeout: 0,
    ...{ disableFileAccess: true, disableUrlAccess: true },
    ...tlsOptions[tls],
    ...(credentials && { auth: { user: credentials.username, pass: credentials.password } }),
  });
  // The pool reports here what went wrong with connections that had nothing to send; the next send will tell.
  transport.on("error", () => undefined);
  transport.use("stream", (mail, done) => {
    const { handOver } = mail.data as Sending;
    // "end" comes when all has been consumed, which begins after the server's 354; a stream within the chain would end too early.
    mail.message.processFunc((message) => message.once("end", () => handOver?.()));
    done();
  });

  return {
    id: "smtp",
    width: connections,
    send: (mail, signal) =>
      new Promise<Outcome>((resolve) => {
        let handedOver = false;
        const aborted = () => resolve(classify({ message: "No answer within the deadline.", code: "EABORT" }, handedOver));
        signal.addEventListener("abort", aborted, { once: true });
        const sending = transport.sendMail({ ...optionsOf(mail), signal, handOver: () => (handedOver = true) } as Parameters<
          typeof transport.sendMail
        >[0]);
        void sending
          .then(
            (info) =>
              resolve({
                is: "accepted",
                providerMessageId: info.serverMessageId ?? queueIdOf(info.response) ?? info.messageId,
                detail: info.response,
              }),
            (error: SmtpError) => resolve(classify(error, handedOver)),
          )
          .finally(() => signal.removeEventListener("abort", aborted));
      }),
    close: async () => transport.close(),
  };
}

/** Servers name the message by which they found it again: "250 2.0.0 Ok: queued as 4F1A2". */
const queueIdOf = (response: string): string | undefined => /\b(?:queued as|id=)\s*([\w.-]{4,64})/i.exec(response)?.[1];
