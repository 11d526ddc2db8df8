/**
 * Addresses that answer as a provider might, for tests of what comes after: `rejected@`, `retry@` and `outage@simulator.test`, each also
 * with a tag as in `retry+1@`. The built-in mailbox knows them, whichever way a mail comes to it.
 */

/** As an SMTP server says it to RCPT TO. */
export interface SmtpReply {
  readonly code: number;
  /** With its enhanced code. */
  readonly text: string;
}

const replies: ReadonlyMap<string, SmtpReply> = new Map([
  ["rejected", { code: 550, text: "5.1.1 Simulated: there is no such mailbox." }],
  ["retry", { code: 451, text: "4.2.1 Simulated: try again later." }],
  ["outage", { code: 421, text: "4.3.2 Simulated: the server serves nobody." }],
]);

/** Undefined: the address is anybody's. */
export function simulatedReply(address: string): SmtpReply | undefined {
  const word = /^([a-z]+)(?:\+[^@]*)?@simulator\.test$/.exec(address)?.[1];
  return word === undefined ? undefined : replies.get(word);
}
