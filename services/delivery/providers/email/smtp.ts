/**
 * Email over SMTP: connections to one server, kept for the next mail.
 *
 * There are as many as mails are under way at the same time, and what bounds those is the caller: a mail never waits here for another.
 */
import type { Options } from "nodemailer/lib/smtp-connection";
import type { Clock } from "#platform/clock.ts";
import type { Sender } from "../../sender.ts";
import { classify, type SmtpError } from "./classify.ts";
import { Message } from "./message.ts";
import { mime } from "./mime.ts";
import { type Credentials, type Envelope, type Receipt, Session } from "./session.ts";

/**
 * How the connection is encrypted.
 * - opportunistic: STARTTLS when the server offers it, with whatever certificate it has (RFC 7435): better than nothing.
 * - required: STARTTLS with a valid certificate, or no mail. - implicit: TLS from the first byte (port 465). - off: never.
 */
export type SmtpTls = "opportunistic" | "required" | "implicit" | "off";

export interface SmtpServer {
  /** The integration's. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly tls: SmtpTls;
  readonly credentials?: Credentials;
  /** Mails under way at the same time, at most, without those whose answer takes long. */
  readonly connections: number;
  readonly clock: Clock;
}

const tlsOptions = {
  opportunistic: { tls: { rejectUnauthorized: false } },
  required: { requireTLS: true },
  implicit: { secure: true },
  off: { ignoreTLS: true },
} as const;

const CONNECT_MS = 8_000;
/** What RFC 5321 section 4.5.3.2.6 gives a server for its answer to a message: nobody waits for longer. */
const SILENCE_MS = 600_000;
/** Many servers end a connection that has been idle for five minutes, which may be just when the next message comes. */
const IDLE_MS = 240_000;
const LOOK_EVERY_MS = 30_000;

export function smtpSender({ id, host, port, tls, credentials, connections, clock }: SmtpServer): Sender {
  const options: Options = {
    ...{ host, port, ...tlsOptions[tls] },
    ...{ connectionTimeout: CONNECT_MS, greetingTimeout: CONNECT_MS, dnsTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
    // What an aborted send has not written by then must not trickle out afterwards.
    socketCloseTimeout: 0,
  };
  const sessions = new Set<Session>();
  /** Since when. The last used is the next used, so that those get old that are too many. */
  const idle: { readonly session: Session; readonly sinceMs: number }[] = [];
  let looking = false;
  const closing = new AbortController();

  return {
    id,
    width: connections,
    async send(mail, signal, handedOver) {
      let isHandedOver = false;
      const told = () => {
        isHandedOver = true;
        handedOver();
      };
      try {
        const { response, serverMessageId } = await handOver({ from: mail.from.address, to: mail.to }, mime(mail), signal, told);
        return { is: "accepted", providerMessageId: serverMessageId ?? queueIdOf(response) ?? mail.messageId, detail: response };
      } catch (error) {
        return classify(
          signal.aborted ? { message: "No answer within the deadline.", code: "EABORT" } : (error as SmtpError),
          isHandedOver,
        );
      }
    },
    async close() {
      closing.abort();
      for (const session of sessions) session.close();
    },
  };

  async function handOver(envelope: Envelope, raw: Uint8Array, signal: AbortSignal, told: () => void): Promise<Receipt> {
    for (;;) {
      signal.throwIfAborted();
      const session = taken();
      const { isUsed } = session;
      const message = new Message(raw, told);
      const close = () => session.close();
      signal.addEventListener("abort", close, { once: true });
      try {
        return await session.send(envelope, message);
      } catch (error) {
        // Kept ones may have been ended by the server meanwhile; a new one tells what is the matter.
        if (!isUsed || message.isBegun || session.isOpen) throw error;
      } finally {
        signal.removeEventListener("abort", close);
        if (session.isSpent) session.quit();
        else if (session.isOpen) rest(session);
      }
    }
  }

  function taken(): Session {
    if (closing.signal.aborted) throw Object.assign(new Error("The sender is closed."), { code: "ECONNECTION" });
    for (let last = idle.pop(); last; last = idle.pop()) if (last.session.isOpen) return last.session;
    const session = new Session({ options, credentials, ended: (ended) => void sessions.delete(ended) });
    sessions.add(session);
    return session;
  }

  function rest(session: Session): void {
    idle.push({ session, sinceMs: clock.nowMs() });
    if (!looking) void look();
  }

  /** Takes leave of those that nobody needed for long. */
  async function look(): Promise<void> {
    looking = true;
    while (idle.length > 0 && !closing.signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, closing.signal);
      const young = idle.findIndex(({ sinceMs }) => clock.nowMs() - sinceMs < IDLE_MS);
      for (const { session } of idle.splice(0, young < 0 ? idle.length : young)) if (session.isOpen) session.quit();
    }
    looking = false;
  }
}

/** Servers name the message by which they found it again: "250 2.0.0 Ok: queued as 4F1A2". */
const queueIdOf = (response: string): string | undefined => /\b(?:queued as|id=)\s*([\w.-]{4,64})/i.exec(response)?.[1];
