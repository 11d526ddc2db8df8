/** The sender of mails, with a point before the provider is asked and one when it has answered. */

import * as real from "../../../services/delivery/providers/email/smtp.ts";
import type { Mail } from "../../../services/delivery/sender.ts";
import { passing } from "./points.ts";

export const smtpSender: typeof real.smtpSender = (options) => {
  const sender = real.smtpSender(options);
  return { ...sender, send: (mail, ...more) => passing("provider call", () => sender.send(mail, ...more), [deliveryOf(mail)]) };
};

const deliveryOf = ({ headers }: Mail): string => headers["X-Carillon-Delivery"] as string;
