/** An SMTP server outside the service under test: counts what really arrived, by delivery id, and refuses on demand. */
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";

export interface Sink {
  readonly port: number;
  /** Mails taken, by X-Carillon-Delivery. */
  readonly byDelivery: ReadonlyMap<string, number>;
  /** The newest mails as they came, at most a hundred. */
  readonly mails: readonly string[];
  /** Answers to RCPT TO that are not 250, by address; undefined: accept. */
  refuse: (address: string) => { code: number; text: string } | undefined;
  /** A mail is answered when this resolves; it counts as taken at once. */
  ponder: (address: string) => Promise<void> | undefined;
  close(): Promise<void>;
}

/** A mail as it was taken: the delivery it names, and whom it went to. */
export interface Taken {
  readonly deliveryId: string;
  readonly to: string;
}

/** `taken` is told of each mail before the client is. */
export async function openSink(port = 0, taken: (mail: Taken) => void = () => {}): Promise<Sink> {
  const byDelivery = new Map<string, number>();
  const mails: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    disableReverseLookup: true,
    logger: false,
    onRcptTo({ address }, _session, callback) {
      const refusal = sink.refuse(address);
      if (!refusal) return callback();
      callback(Object.assign(new Error(refusal.text), { responseCode: refusal.code }));
    },
    onData(stream, { envelope }, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", async () => {
        const mail = Buffer.concat(chunks).toString();
        mails.push(mail);
        if (mails.length > 100) mails.shift();
        const id = /^x-carillon-delivery:\s*(\S+)/im.exec(mail)?.[1] ?? "";
        byDelivery.set(id, (byDelivery.get(id) ?? 0) + 1);
        const to = envelope.rcptTo[0]?.address ?? "";
        taken({ deliveryId: id, to });
        await sink.ponder(to);
        callback();
      });
    },
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const sink: Sink = {
    port: (server.server.address() as AddressInfo).port,
    byDelivery,
    mails,
    refuse: () => undefined,
    ponder: () => undefined,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
  return sink;
}
