/** An SMTP server that takes every mail and keeps none: what both sides of the mail row talk to. Prints its port, ends on SIGTERM. */
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ["AUTH", "STARTTLS"],
  disableReverseLookup: true,
  logger: false,
  onData(stream, _session, callback) {
    stream.resume();
    stream.on("end", () => callback());
  },
});
server.on("error", () => undefined);
server.listen(0, "127.0.0.1", () => process.stdout.write(`port ${(server.server.address() as AddressInfo).port}\n`));
process.on("SIGTERM", () => process.exit(0));
