/**
 * The built-in mailbox of a test environment: a mail is written as it would go out, and kept where its environment's keys can read it.
 *
 * Addresses at simulator.test answer as a provider might, for tests of what comes after: `rejected@`, `retry@` and `outage@`, each also
 * with a tag as in `retry+1@`.
 */
import type { Mail, Outcome, Sender } from "../../sender.ts";
import { mime } from "./mime.ts";

/** A mail as it would go over the wire. */
export interface Post {
  readonly raw: Buffer;
  readonly from: string;
  readonly to: readonly string[];
}

const WIDTH = 20;

const simulated: Readonly<Record<string, Outcome>> = {
  rejected: { is: "rejected", code: "simulated", detail: "550 5.1.1 Simulated: there is no such mailbox." },
  retry: { is: "retry", code: "simulated", detail: "451 4.3.0 Simulated: try again later." },
  outage: { is: "outage", code: "simulated", detail: "421 4.3.2 Simulated: the server serves nobody." },
};

export function mailboxSender(keep: (post: Post) => void): Sender {
  return {
    id: "mailbox",
    width: WIDTH,
    async send(mail: Mail) {
      const answer = /^([a-z]+)(?:\+[^@]*)?@simulator\.test$/.exec(mail.to)?.[1];
      const outcome = answer === undefined || !Object.hasOwn(simulated, answer) ? undefined : simulated[answer];
      if (outcome) return outcome;
      keep({ raw: mime(mail), from: mail.from.address, to: [mail.to] });
      return { is: "accepted", providerMessageId: mail.messageId, detail: "Kept in the built-in mailbox; nobody was sent it." };
    },
    close: async () => undefined,
  };
}
