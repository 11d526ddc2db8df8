/** A mail in nodemailer's words. */
import type { Mail } from "../../sender.ts";

export const optionsOf = ({ from, to, subject, text, html, messageId, headers, date }: Mail) => ({
  from: { name: from.name, address: from.address },
  to: { name: "", address: to },
  envelope: { from: from.address, to: [to] },
  ...{ subject, text, messageId, headers: { ...headers }, date },
  ...(html !== undefined && { html }),
});
