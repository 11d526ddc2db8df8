/**
 * An SMTP server that takes every mail and keeps none: what both sides of the mail row talk to. Prints its port, ends on SIGTERM.
 *
 * It does as little as the protocol allows, so that what is measured is who sends.
 */
import { type AddressInfo, createServer } from "node:net";

const replies: Readonly<Record<string, string>> = {
  ...{ EHLO: "250-sink\r\n250-PIPELINING\r\n250 8BITMIME", DATA: "354 Go on", QUIT: "221 Bye" },
  ...{ MAIL: "250 Ok", RCPT: "250 Ok", RSET: "250 Ok" },
};
const DOT = "\r\n.\r\n";

const server = createServer((socket) => {
  let rest = "";
  let inMessage = false;
  socket.setNoDelay(true).setEncoding("latin1");
  socket.on("error", () => undefined);
  socket.write("220 sink ESMTP\r\n");
  socket.on("data", (text: unknown) => {
    rest += text;
    let said = "";
    for (;;) {
      const mark = inMessage ? DOT : "\r\n";
      const end = rest.indexOf(mark);
      if (end < 0) {
        // Of a message only what may be the beginning of its end is kept.
        if (inMessage) rest = rest.slice(-DOT.length);
        break;
      }
      const verb = rest.slice(0, 4).toUpperCase();
      rest = rest.slice(end + mark.length);
      said += inMessage ? "250 2.0.0 Ok: queued as 5141C\r\n" : `${replies[verb] ?? "502 What?"}\r\n`;
      inMessage = !inMessage && verb === "DATA";
    }
    if (said !== "") socket.write(said);
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
process.on("SIGTERM", () => process.exit(0));
