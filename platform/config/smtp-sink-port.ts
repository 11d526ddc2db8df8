/** Where development's mailbox listens: the console opens it, and the email workers send to it. */
import { port } from "./fields.ts";

export const smtpSinkPort = port().default(1025).meta({
  description: "The SMTP port of the development mailbox, on 127.0.0.1. 0 picks a free one. In production there is none.",
});
