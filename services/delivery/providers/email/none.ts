/** No provider: mails wait as they do while one is out, and go out once an SMTP server is named. */
import { variableOf } from "#platform/config/config.ts";
import type { Sender } from "../../sender.ts";

export const noSender = (): Sender => ({
  id: "none",
  width: 20,
  send: async () => ({ is: "outage", code: "unconfigured", detail: `No SMTP server is configured: set ${variableOf("email.smtp-host")}.` }),
  close: async () => undefined,
});
