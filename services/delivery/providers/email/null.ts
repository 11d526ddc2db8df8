/** Takes everything at once and sends nothing: for benchmarks, which then measure everything but a mail server. */
import type { Sender } from "../../sender.ts";

export const nullSender = (): Sender => ({
  id: "null",
  width: 500,
  send: async ({ messageId }) => ({ is: "accepted", providerMessageId: messageId, detail: "Taken and dropped." }),
  close: async () => undefined,
});
