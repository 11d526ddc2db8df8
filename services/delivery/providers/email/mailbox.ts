/**
 * The built-in mailbox of a test environment: a mail is written as it would go out, and kept where its environment's keys can read it.
 * The simulator's addresses answer as they would over SMTP.
 */
import { type SmtpReply, simulatedReply } from "#domain/channels/simulator.ts";
import { Problem } from "#domain/errors.ts";
import { uuidv5 } from "#platform/uuid.ts";
import type { Mail, Outcome, Sender } from "../../sender.ts";
import { classify } from "./classify.ts";
import { mime } from "./mime.ts";

/** A mail as it would go over the wire. */
export interface Post {
  /** The same for every try of a delivery, so that a repeat is kept once. */
  readonly id: string;
  readonly raw: Buffer;
  readonly from: string;
  readonly to: readonly string[];
}

/** Rejects when it cannot be kept now. */
export type Keep = (post: Post) => Promise<void>;

const WIDTH = 20;

export function mailboxSender(keep: Keep): Sender {
  return {
    id: "mailbox",
    width: WIDTH,
    async send(mail: Mail, signal: AbortSignal) {
      const reply = simulatedReply(mail.to);
      if (reply) return simulated(reply);
      if (signal.aborted) return { is: "outage", code: "EABORT", detail: "It was not kept within the deadline." };
      const late = unanswered(signal);
      const kept = keep({ id: uuidv5(mail.messageId), raw: mime(mail), from: mail.from.address, to: [mail.to] }).then(
        (): Outcome => ({
          ...{ is: "accepted", providerMessageId: mail.messageId },
          detail: "Kept in the built-in mailbox; nobody was sent it.",
        }),
        // Also where only the answer was lost: a repeat is kept once.
        (error: Error): Outcome => ({
          ...{ is: "outage", code: error instanceof Problem ? error.reason : "unkept" },
          detail: `The built-in mailbox cannot keep mails now: ${error.message}`,
        }),
      );
      return Promise.race([kept, late]);
    },
    close: async () => undefined,
  };
}

const simulated = ({ code, text }: SmtpReply): Outcome =>
  classify({ message: text, command: "RCPT TO", responseCode: code, response: `${code} ${text}` }, false);

const unanswered = (signal: AbortSignal): Promise<Outcome> =>
  new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve({ is: "unknown", code: "EABORT", detail: "No answer within the deadline." }), {
      once: true,
    }),
  );
